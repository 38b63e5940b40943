//! Sets of CPUs as the kernel writes them.

/// The most CPUs that a list may name: far above any kernel's `NR_CPUS`.
const MOST: u32 = 1 << 20;

/// Reads the kernel's list format: `0-3,8,10-11`; see cpuset(7), "List Format".
/// `None` if it is anything else, an empty list included.
pub(crate) fn parse_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

/// Writes that format.
///
/// # Examples
///
/// ```
/// assert_eq!(poolkeeper::budget::as_list(&[0, 1, 2, 8]), "0-2,8");
/// ```
pub fn as_list(cpus: &[u32]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = cpus;
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            .zip(*first..)
            .take_while(|(cpu, next)| **cpu == *next)
            .count();
        parts.push(match run {
            1 => first.to_string(),
            _ => format!("{first}-{}", rest[run - 1]),
        });
        rest = &rest[run..];
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        assert_eq!(
            parse_list("0-3,8,10-11\n"),
            Some(vec![0, 1, 2, 3, 8, 10, 11])
        );
        assert_eq!(as_list(&[0, 1, 2, 3, 8, 10, 11]), "0-3,8,10-11");
        assert_eq!(as_list(&[]), "");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "",
            "a",
            "3-1",
            "0-",
            "-1",
            "0,,1",
            "0-99999999999",
            "0-4000000000",
        ] {
            assert_eq!(parse_list(text), None, "{text}");
        }
    }
}
