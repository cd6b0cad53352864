//! A request as a command for a shell.

/// Where developers run a receiver, more often than elsewhere.
const LOCAL_RECEIVER: &str = "http://localhost:3000/";

/// `curl` with these headers and this body, for a POSIX shell.
pub(crate) fn curl(headers: &[(&str, String)], body: &str) -> String {
    let mut command = format!("curl -sS {LOCAL_RECEIVER}");
    for (name, value) in headers {
        command += &format!(" \\\n  -H {}", quoted(&format!("{name}: {value}")));
    }
    command + " \\\n  --data-binary " + &quoted(body)
}

/// One word of a POSIX shell, whatever the text holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_every_word_as_it_is() {
        let body = "{\"a\":\"it's $HOME `id` \\\\ \n !\"}";
        let command = curl(&[("webhook-id", "msg_1".to_owned())], body);
        let echoed = command.replacen("curl -sS", "printf '%s|'", 1);
        let output = Command::new("sh").args(["-c", &echoed]).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("{LOCAL_RECEIVER}|-H|webhook-id: msg_1|--data-binary|{body}|")
        );
    }
}
