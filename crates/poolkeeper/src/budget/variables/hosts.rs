//! Lists of hosts and of what each has, as schedulers write them.

use std::net::IpAddr;

/// The most hosts of a list that are looked at.
const MOST: usize = 1 << 17;
/// The most brackets in one name.
const MOST_BRACKETS: usize = 4;

/// Whether two names are one host's: with its domain or without.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    short(one) == short(other)
}

fn short(name: &str) -> String {
    let name = name.trim().to_lowercase();
    if name.parse::<IpAddr>().is_ok() {
        return name;
    }
    name.split('.').next().unwrap_or_default().to_owned()
}

/// What stands beside the host `own`, as often as it is listed. Where one host
/// only is listed, it is this one, whatever its name there.
pub(super) fn of_host<T: Copy>(hosts: &[(&str, T)], own: Option<&str>) -> Option<Vec<T>> {
    let (first, _) = hosts.first()?;
    let is_one = hosts.iter().all(|(host, _)| is_same(host, first));
    let own = if is_one { first } else { own? };
    let found = hosts.iter().filter(|(host, _)| is_same(host, own));
    let found: Vec<T> = found.map(|(_, beside)| *beside).collect();
    (!found.is_empty()).then_some(found)
}

/// How many hosts a list names.
pub(super) fn different<'a>(hosts: impl Iterator<Item = &'a str>) -> Option<u32> {
    let names: std::collections::HashSet<String> = hosts.map(short).collect();
    u32::try_from(names.len()).ok().filter(|count| *count > 0)
}

/// Slurm's numbers a node: `72(x2),36` is two nodes with 72 and one with 36
/// (sbatch(1), SLURM_JOB_CPUS_PER_NODE). `None` if it is anything else.
pub(super) fn per_node(list: &str) -> Option<Vec<(u32, usize)>> {
    let numbers: Option<Vec<_>> = list.trim().split(',').map(repeated).collect();
    numbers.filter(|numbers| {
        numbers
            .iter()
            .all(|(number, times)| *number > 0 && *times > 0)
    })
}

fn repeated(part: &str) -> Option<(u32, usize)> {
    let Some((number, times)) = part.split_once("(x") else {
        return Some((part.parse().ok()?, 1));
    };
    let times = times.strip_suffix(')')?;
    Some((number.parse().ok()?, times.parse().ok()?))
}

/// Slurm's list of nodes, each by its name: `n[01-03,7],login`. `None` if it
/// is no such list, or a very long one.
pub(super) fn expand(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for part in split_outside_brackets(list.trim())? {
        names.extend(expand_one(part, MOST.checked_sub(names.len())?)?);
    }
    Some(names)
}

/// Commas inside brackets don't part names. No cluster numbers its nodes by
/// more than a few brackets.
fn split_outside_brackets(list: &str) -> Option<Vec<&str>> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    let is_name = |part: &&str| !part.is_empty() && part.matches('[').count() <= MOST_BRACKETS;
    let is_list = depth == 0 && parts.iter().all(is_name);
    is_list.then_some(parts)
}

/// `a[1-2]b[3-4]` has several brackets: each of the first with each of the others.
fn expand_one(name: &str, most: usize) -> Option<Vec<String>> {
    let Some((before, rest)) = name.split_once('[') else {
        return Some(vec![name.to_owned()]);
    };
    let (inside, after) = rest.split_once(']')?;
    let mut numbers: Vec<String> = Vec::new();
    for part in inside.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        if to.checked_sub(from)? >= most as u64 {
            return None;
        }
        let width = first.len();
        numbers.extend((from..=to).map(|number| format!("{before}{number:0width$}")));
    }
    let ends = expand_one(after, most)?;
    if numbers.len().checked_mul(ends.len())? > most {
        return None;
    }
    let all = numbers
        .iter()
        .flat_map(|number| ends.iter().map(move |end| format!("{number}{end}")));
    Some(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slurms_numbers_a_node_are_read() {
        assert_eq!(per_node("72(x2),36"), Some(vec![(72, 2), (36, 1)]));
        assert_eq!(per_node("4"), Some(vec![(4, 1)]));
        for text in [
            "", "0", "4(x0)", "4(x", "4(x2", "(x2)", "4,,4", "four", "-4",
        ] {
            assert_eq!(per_node(text), None, "{text}");
        }
    }

    #[test]
    fn slurms_names_of_nodes_are_read() {
        let names = |list: &str| expand(list).map(|names| names.join(" "));
        assert_eq!(
            names("n[08-10,3],login").as_deref(),
            Some("n08 n09 n10 n3 login")
        );
        assert_eq!(
            names("a[1-2]b[3-4]").as_deref(),
            Some("a1b3 a1b4 a2b3 a2b4")
        );
        for text in [
            "",
            "n[1",
            "n1]",
            "n[2-1]",
            "n[x]",
            "n[1-9999999999]",
            "a,,b",
            "[1][1][1][1][1]",
        ] {
            assert_eq!(names(text), None, "{text}");
        }
        assert_eq!(names("a[1-9999]b[1-9999]"), None, "too long");
    }

    #[test]
    fn a_host_is_known_by_two_names_and_may_be_listed_twice() {
        let hosts = [("n1", 4), ("n2.site.org", 2), ("N1.site.org", 3)];
        assert_eq!(of_host(&hosts, Some("n1.site.org")), Some(vec![4, 3]));
        assert_eq!(of_host(&hosts, Some("n3")), None);
        assert_eq!(of_host(&hosts, None), None);
        assert_eq!(of_host(&[("n1", 4), ("n1.x", 1)], None), Some(vec![4, 1]));
        assert!(!is_same("10.0.0.1", "10.0.0.2"), "addresses have no domain");
        assert_eq!(different(["n1", "n1.x", "n2"].into_iter()), Some(2));
    }
}
