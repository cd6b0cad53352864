//! The modules of a crate, and what each imports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::graph::Imports;
use super::tokens::tokens;

/// Longer chains of re-exports are not followed.
const MAX_STEPS: usize = 16;

/// A path such as `crate::a::B`, cut at its `::`.
type Segments = Vec<String>;

/// A module as it is written.
#[derive(Default)]
struct Module {
    /// The module of the file that it stands in: itself, unless it is written inline.
    file: String,
    children: BTreeSet<String>,
    /// What names stand for.
    names: BTreeMap<String, Segments>,
    /// Names that are only passed on, as far as is known yet.
    re_exports: BTreeSet<String>,
    /// Modules all of whose names are imported, or passed on.
    globs: Vec<Segments>,
    /// Paths in the code.
    paths: BTreeSet<Segments>,
}

/// All modules of a crate by their paths, such as `a::b`; the root's is empty.
pub struct Sources(BTreeMap<String, Module>);

impl Sources {
    /// Reads a crate from its root file on.
    pub fn read(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> anyhow::Result<Self> {
        let mut sources = Self(BTreeMap::new());
        let directory = root.parent().unwrap_or(Path::new("")).to_owned();
        sources.add_file(String::new(), root, directory, read)?;
        Ok(sources)
    }

    fn add_file(
        &mut self,
        name: String,
        file: &Path,
        directory: PathBuf,
        read: &dyn Fn(&Path) -> Option<String>,
    ) -> anyhow::Result<()> {
        let source = read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let files = self.add(&name, &name, &tokens(&source));
        for child in files {
            let file = [
                directory.join(format!("{child}.rs")),
                directory.join(&child).join("mod.rs"),
            ];
            let file = file
                .iter()
                .find(|file| read(file).is_some())
                .with_context(|| format!("no file of {child}"))?;
            self.add_file(joined(&name, &child), file, directory.join(&child), read)?;
        }
        Ok(())
    }

    /// Adds a module; which of its children have files of their own.
    fn add(&mut self, name: &str, file: &str, tokens: &[String]) -> Vec<String> {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        let mut files = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            let next = tokens.get(at + 1).map_or("", String::as_str);
            if token == "#" {
                let end = after_group(tokens, at + 1);
                let attribute = tokens[at..end].concat();
                at = if attribute.starts_with("#[cfg(test") {
                    after_item(tokens, end)
                } else {
                    end
                };
            } else if token == "mod" && tokens.get(at + 2).is_some_and(|sign| sign == ";") {
                files.push(next.to_owned());
                module.children.insert(next.to_owned());
                at += 3;
            } else if token == "mod" && tokens.get(at + 2).is_some_and(|sign| sign == "{") {
                let end = after_group(tokens, at + 2);
                module.children.insert(next.to_owned());
                self.add(&joined(name, next), file, &tokens[at + 3..end - 1]);
                at = end;
            } else if token == "use" && next != "<" {
                let end = at
                    + tokens[at..]
                        .iter()
                        .position(|token| token == ";")
                        .unwrap_or(tokens.len() - at);
                let passes_on = at > 0 && matches!(tokens[at - 1].as_str(), "pub" | ")");
                module.add_use(&tokens[at + 1..end], &mut Vec::new(), passes_on);
                at = end;
            } else {
                at = module.add_path(tokens, at);
            }
        }
        self.0.insert(name.to_owned(), module);
        files
    }

    /// Who imports from whom, by the modules of files.
    pub fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (name, module) in &self.0 {
            let used = module
                .names
                .iter()
                .filter(|(name, _)| !module.re_exports.contains(*name));
            let used = used.map(|(_, path)| path).chain(&module.paths);
            let targets = used.filter_map(|path| self.resolve(name, path, MAX_STEPS));
            let targets = targets
                .map(|target| &self.0[&target].file)
                .filter(|target| **target != module.file);
            imports
                .entry(shown(&module.file))
                .or_default()
                .extend(targets.map(|target| shown(target)));
        }
        imports
    }

    /// The module that defines what a path in `module` leads to; `None` when it leads out of the crate.
    fn resolve(&self, module: &str, path: &[String], steps: usize) -> Option<String> {
        let steps = steps.checked_sub(1)?;
        let (first, mut rest) = path.split_first()?;
        let mut current = match first.as_str() {
            "crate" => String::new(),
            "self" => module.to_owned(),
            "super" => parent(module).to_owned(),
            child if self.0[module].children.contains(child) => joined(module, child),
            name => self.resolve(module, self.0[module].names.get(name)?, steps)?,
        };
        while let Some((segment, after)) = rest.split_first() {
            let here = &self.0[&current];
            current = if segment == "super" {
                parent(&current).to_owned()
            } else if here.children.contains(segment) {
                joined(&current, segment)
            } else {
                let named = here
                    .names
                    .get(segment)
                    .and_then(|path| self.resolve(&current, path, steps));
                return named
                    .or_else(|| self.resolve_glob(&current, segment, steps))
                    .or(Some(current));
            };
            rest = after;
        }
        Some(current)
    }

    fn resolve_glob(&self, module: &str, name: &str, steps: usize) -> Option<String> {
        let targets = self.0[module]
            .globs
            .iter()
            .filter_map(|glob| self.resolve(module, glob, steps));
        targets
            .map(|target| self.resolve(&target, &["self".to_owned(), name.to_owned()], steps))
            .next()?
    }
}

impl Module {
    /// The tree behind `use`, whose beginning is `prefix`.
    fn add_use(&mut self, tree: &[String], prefix: &mut Segments, passes_on: bool) {
        let depth = prefix.len();
        let mut at = 0;
        while at < tree.len() {
            match tree[at].as_str() {
                "::" => {}
                "{" => {
                    let end = after_group(tree, at);
                    for branch in branches(&tree[at + 1..end - 1]) {
                        self.add_use(branch, prefix, passes_on);
                    }
                    prefix.truncate(depth);
                    return;
                }
                "*" => {
                    if !passes_on {
                        self.paths.insert(prefix.clone());
                    }
                    self.globs.push(prefix.clone());
                    prefix.truncate(depth);
                    return;
                }
                "as" => break,
                segment => prefix.push(segment.to_owned()),
            }
            at += 1;
        }
        if prefix.len() > 1 && prefix.last().is_some_and(|last| last == "self") {
            prefix.pop();
        }
        let alias = tree.get(at + 1).or(prefix.last()).cloned().unwrap_or_default();
        if passes_on {
            self.re_exports.insert(alias.clone());
        }
        self.names.insert(alias, prefix.clone());
        prefix.truncate(depth);
    }

    /// A word in the code, and what follows it behind `::`. A name that the module uses itself is not only passed on.
    fn add_path(&mut self, tokens: &[String], at: usize) -> usize {
        let mut path = vec![tokens[at].clone()];
        let mut end = at + 1;
        while tokens.get(end).is_some_and(|token| token == "::")
            && tokens.get(end + 1).is_some_and(|next| is_name(next))
        {
            path.push(tokens[end + 1].clone());
            end += 2;
        }
        self.re_exports.remove(&path[0]);
        // `pub(in super::super)` says who may import, and imports nothing.
        let is_visibility = at > 0 && tokens[at - 1] == "in" && at > 1 && tokens[at - 2] == "(";
        if path.len() > 1 && !is_visibility {
            self.paths.insert(path);
        }
        end
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|character: char| character.is_alphabetic() || character == '_')
}

fn joined(module: &str, child: &str) -> String {
    if module.is_empty() {
        child.to_owned()
    } else {
        format!("{module}::{child}")
    }
}

fn shown(module: &str) -> String {
    if module.is_empty() {
        "crate".to_owned()
    } else {
        module.to_owned()
    }
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

/// The parts between the commas of a group's inside.
fn branches(inside: &[String]) -> Vec<&[String]> {
    let mut depth = 0;
    let parts = inside.split(|token| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && token == ","
    });
    parts.filter(|branch| !branch.is_empty()).collect()
}

/// Behind the brackets that open at or after `at`.
fn after_group(tokens: &[String], at: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 1 => return index + 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Behind an item: its `;`, or its block.
fn after_item(tokens: &[String], at: usize) -> usize {
    let end = tokens[at..]
        .iter()
        .position(|token| token == ";" || token == "{")
        .map_or(tokens.len(), |end| at + end);
    if tokens.get(end).is_some_and(|token| token == "{") && tokens[at..end].iter().all(|token| token != "use") {
        return after_group(tokens, end);
    }
    end + tokens[end..]
        .iter()
        .position(|token| token == ";")
        .map_or(0, |more| more + 1)
}
