//! Mouse and keyboard.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::page::Page;

/// A control that has the focus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Focused {
    /// Its element.
    pub tag: String,
    /// What it is called.
    pub name: String,
    /// Whether people can see that it has the focus.
    pub is_visible: bool,
    /// Its place in the document.
    pub place: u64,
}

impl Page {
    /// Clicks the button of this name, as soon as there is one.
    ///
    /// # Errors
    /// There is none, or something covers it.
    pub async fn click(&self, button: &str) -> anyhow::Result<()> {
        self.click_at(&format!("page.control('button', {})", json!(button)))
            .await
    }

    /// Follows the link of this name, as soon as there is one.
    ///
    /// # Errors
    /// There is none, or something covers it.
    pub async fn follow(&self, link: &str) -> anyhow::Result<()> {
        self.click_at(&format!("page.control('link', {})", json!(link))).await
    }

    /// Ticks the box with this label.
    ///
    /// # Errors
    /// There is none.
    pub async fn tick(&self, label: &str) -> anyhow::Result<()> {
        self.click_at(&format!("page.field({})", json!(label))).await
    }

    /// Clicks what an expression finds. If that leads to another page, waits until it is there.
    ///
    /// # Errors
    /// It finds nothing, or something covers it.
    pub async fn click_at(&self, element: &str) -> anyhow::Result<()> {
        let place = self
            .wait_for(&format!("{element} to click"), &format!("page.place({element})"))
            .await?;
        let leaves = self.leaves(element).await?;
        if leaves {
            self.mark_as_before().await?;
        }
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "buttons": buttons,
                "clickCount": 1});
            self.target.call("Input.dispatchMouseEvent", event).await?;
        }
        if leaves { self.wait_loaded().await } else { Ok(()) }
    }

    /// Writes into the field with this label, instead of what was there.
    ///
    /// # Errors
    /// There is no such field.
    pub async fn fill(&self, label: &str, text: &str) -> anyhow::Result<()> {
        let field = format!("page.field({})", json!(label));
        self.wait_for(&format!("the field {label:?}"), &format!("{field} !== null"))
            .await?;
        self.evaluate(&format!("({field}.focus(), {field}.select())")).await?;
        self.write(text).await
    }

    /// Writes where the focus is.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn write(&self, text: &str) -> anyhow::Result<()> {
        self.target
            .call("Input.insertText", json!({"text": text}))
            .await
            .map(drop)
    }

    /// What stands in the field with this label.
    ///
    /// # Errors
    /// There is no such field.
    pub async fn value(&self, label: &str) -> anyhow::Result<String> {
        let value = self.evaluate(&format!("page.field({}).value", json!(label))).await?;
        value.as_str().map(str::to_owned).context("a value")
    }

    /// Whether the box with this label is ticked.
    ///
    /// # Errors
    /// There is no such box.
    pub async fn is_ticked(&self, label: &str) -> anyhow::Result<bool> {
        self.evaluate(&format!("page.field({}).checked", json!(label)))
            .await?
            .as_bool()
            .context("a box")
    }

    /// Presses a key: `Tab`, `Enter`, or ` `.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn press(&self, key: &str) -> anyhow::Result<()> {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            " " => ("Space", 32, " "),
            other => anyhow::bail!("no key {other:?} is known"),
        };
        let down = json!({"type": "keyDown", "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text});
        self.target.call("Input.dispatchKeyEvent", down).await?;
        let up = json!({"type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": number});
        self.target.call("Input.dispatchKeyEvent", up).await.map(drop)
    }

    /// What has the focus, if anything has.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn focused(&self) -> anyhow::Result<Option<Focused>> {
        let focused = self.evaluate("page.focused()").await?;
        let read = |focused: &Value| {
            Some(Focused {
                tag: focused["tag"].as_str()?.to_owned(),
                name: focused["name"].as_str()?.to_owned(),
                is_visible: focused["visible"].as_bool()?,
                place: focused["index"].as_u64()?,
            })
        };
        ensure!(focused.is_null() || read(&focused).is_some(), "what is {focused}?");
        Ok(read(&focused))
    }
}
