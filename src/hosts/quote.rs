//! Text that a shell, PowerShell, Ruby and YAML read back as it was.

/// For POSIX shells.
pub fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// For PowerShell, to which the typographic quotes are quotes as well.
pub fn powershell(text: &str) -> String {
    let mut quoted = String::from("'");
    for letter in text.chars() {
        if matches!(letter, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            quoted.push(letter);
        }
        quoted.push(letter);
    }
    quoted.push('\'');
    quoted
}

/// For Ruby.
pub fn ruby(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// For YAML and JSON, on one line.
pub fn yaml(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// For a comment: one line.
pub fn comment(text: &str) -> String {
    text.replace(|letter: char| letter.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_text_stay_text() {
        assert_eq!(shell("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(powershell("it's ‘$x’"), "'it''s ‘‘$x’’'");
        assert_eq!(ruby(r"it's #{x} \"), r"'it\'s #{x} \\'");
        assert_eq!(yaml("a\n\"b\": #"), r#""a\n\"b\": #""#);
        assert_eq!(comment("a\nrm -rf /"), "a rm -rf /");
    }
}
