//! Text for HTML.

/// Text in which nothing is markup; control characters are shown, not sent.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in poolkeeper::printable(text).chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_command_is_text_and_no_markup() {
        let text = escaped("a<b> & \"c\" 'd'\n\x1b[2J");
        assert_eq!(
            text,
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\\n\\u{1b}[2J"
        );
    }
}
