//! Text from outside that is shown to people, or pasted by them.

use std::borrow::Cow;

/// Text on one line that can't steer a terminal: control characters, ends of
/// lines and marks that turn the order of writing are escaped. Names of files,
/// variables of other processes and what people type may hold anything.
///
/// # Examples
///
/// ```
/// use poolkeeper::printable;
/// assert_eq!(printable("/lib/libgomp.so.1"), "/lib/libgomp.so.1");
/// assert_eq!(printable("/lib/\x1b[2J\n.so"), r"/lib/\u{1b}[2J\n.so");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if steers(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// A value as one word of a POSIX shell, whatever it holds.
///
/// # Examples
///
/// ```
/// use poolkeeper::shell_quoted;
/// assert_eq!(shell_quoted("4,2"), "4,2");
/// assert_eq!(shell_quoted("1; touch x"), "'1; touch x'");
/// assert_eq!(shell_quoted("it's"), r"'it'\''s'");
/// ```
pub fn shell_quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Whether a character does more than stand there: Unicode's control characters,
/// separators of lines, and marks of direction (UAX 9, table 3).
fn steers(character: char) -> bool {
    let is_mark = matches!(
        character,
        '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    );
    character.is_control() || is_mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_script_stay() {
        for text in ["", "a b", "données", "数据", "/x/\u{fffd}"] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        for text in [
            "\x1b[2J",
            "a\nb",
            "a\rb",
            "\x07",
            "\u{9b}2J",
            "\u{202e}gpj",
            "\u{2028}",
        ] {
            let shown = printable(text);
            assert!(!shown.chars().any(steers), "{shown:?}");
            assert_ne!(shown, text);
        }
    }
}
