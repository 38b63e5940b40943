//! What the user set a variable to.

/// The value of a variable, as a number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is unset, or empty: no choice.
    Nothing,
    /// A number that every reader takes for the same; of a list, the first.
    Number(u32),
    /// No number, or none that every reader takes for the same, with the number
    /// that a person can see in it.
    NoNumber(Option<u32>),
}

impl Told {
    /// Reads a value; only some variables take a list.
    pub(super) fn read(value: Option<&str>, is_list: bool) -> Told {
        let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
            return Told::Nothing;
        };
        let mut words = value.split(',');
        let first = words.next().and_then(count);
        let rest_is_fine = if is_list {
            words.all(|word| count(word).is_some())
        } else {
            words.next().is_none()
        };
        match first {
            Some(first) if rest_is_fine => Told::Number(first),
            _ => Told::NoNumber(meant(value)),
        }
    }

    /// The number that it comes to, if any.
    pub(super) fn number(self) -> Option<u32> {
        match self {
            Told::Nothing => None,
            Told::Number(number) => Some(number),
            Told::NoNumber(number) => number,
        }
    }
}

/// A whole number of threads, as C's int has it: digits, and nothing else.
fn count(word: &str) -> Option<u32> {
    let word = word.trim();
    let is_digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let number: i32 = is_digits.then(|| word.parse().ok())??;
    u32::try_from(number).ok().filter(|number| *number > 0)
}

/// The threads that somebody meant by "1.0", "1e3", "500m" (thousandths, as
/// Kubernetes writes them) or a list where none is allowed.
fn meant(value: &str) -> Option<u32> {
    let first = value.split(',').next()?.trim();
    let number: f64 = match first.strip_suffix('m') {
        Some(thousandths) => thousandths.parse::<f64>().ok()? / 1000.0,
        None => first.parse().ok()?,
    };
    (number.is_finite() && number > 0.0).then_some((number as u32).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits() {
        for (value, number) in [("4", 4), (" 3 ", 3), ("007", 7), ("2147483647", 2147483647)] {
            assert_eq!(Told::read(Some(value), false), Told::Number(number));
        }
        for value in [
            "0", "-1", "all", "two", "٣", "0x2", "nan", "inf", "1\u{a0}0", "4cpus",
        ] {
            assert_eq!(
                Told::read(Some(value), false),
                Told::NoNumber(None),
                "{value}"
            );
        }
        for value in [None, Some(""), Some(" \t")] {
            assert_eq!(Told::read(value, false), Told::Nothing);
        }
    }

    #[test]
    fn a_list_is_one_where_it_may_be() {
        assert_eq!(Told::read(Some("4, 2"), true), Told::Number(4));
        assert_eq!(Told::read(Some("4,2"), false), Told::NoNumber(Some(4)));
        for value in ["4,", ",4", "4,0", "4,two", "4;2"] {
            let told = Told::read(Some(value), true);
            assert!(matches!(told, Told::NoNumber(_)), "{value}: {told:?}");
        }
    }

    #[test]
    fn a_person_sees_numbers_that_libraries_differ_about() {
        let seen = [
            ("1.0", 1),
            ("1e3", 1000),
            ("500m", 1),
            ("2500m", 2),
            ("+4", 4),
        ];
        for (value, number) in seen {
            assert_eq!(Told::read(Some(value), false), Told::NoNumber(Some(number)));
        }
        let large = Told::read(Some("9999999999"), false);
        assert_eq!(large, Told::NoNumber(Some(u32::MAX)));
    }
}
