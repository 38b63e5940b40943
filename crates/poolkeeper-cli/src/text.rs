//! Sentences, numbers of things, and paths, as every command writes them.

use crate::look::Look;
use poolkeeper::printable;
use std::path::Path;
use textwrap::{Options, WordSplitter};

/// A paragraph whose words stay whole, with a text before its first line and one
/// before the others; ends its last line.
pub(crate) fn paragraph(look: Look, text: &str, first: &str, indent: &str) -> String {
    let options = Options::new(look.line())
        .initial_indent(first)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}

/// The same without its end, for what stands alone.
pub(crate) fn in_lines(look: Look, text: &str) -> String {
    paragraph(look, text, "", "").trim_end().to_owned()
}

/// "1 thread", "4 threads".
pub(crate) fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// The end of a path says most: cuts at its beginning where it does not fit.
/// ASCII, for terminals in any encoding.
pub(crate) fn shorten(path: &Path, width: usize) -> String {
    let text = printable(&path.display().to_string()).into_owned();
    let length = text.chars().count();
    if length <= width {
        return text;
    }
    let tail: String = text
        .chars()
        .skip(length - width.saturating_sub(3))
        .collect();
    format!(
        "...{}",
        tail.find('/').map_or(tail.as_str(), |slash| &tail[slash..])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_keeps_its_end() {
        let path = format!(
            "/{}/numpy.libs/libscipy_openblas64_-32a4b2a6.so",
            "x".repeat(80)
        );
        let short = shorten(Path::new(&path), 60);
        assert_eq!(short, ".../numpy.libs/libscipy_openblas64_-32a4b2a6.so");
        assert_eq!(shorten(Path::new(&path), 200), path);
        assert_eq!(shorten(Path::new("/a/b"), 60), "/a/b");
    }

    #[test]
    fn words_of_a_paragraph_stay_whole() {
        let look = Look {
            width: 40,
            is_coloured: false,
        };
        let text = format!("see {} and cpu.cfs_quota_us", "/x".repeat(30));
        let lines = paragraph(look, &text, "  ", "    ");
        assert_eq!(
            lines,
            format!("  see\n    {}\n    and cpu.cfs_quota_us\n", "/x".repeat(30))
        );
    }

    #[test]
    fn one_thing_has_no_plural() {
        assert_eq!(
            [0, 1, 2].map(|count| counted(count, "thread")),
            ["0 threads", "1 thread", "2 threads"]
        );
    }
}
