//! The variables of poolkeeper's own, and numbers of CPUs as people read them.

/// The variable by which `poolkeeper run --pin` tells the program which CPUs it was
/// bound to, as a list. A thread on other CPUs has bound itself.
pub const PINNED: &str = "POOLKEEPER_PINNED";

/// The variable by which a user (or a parent process) lowers the budget.
pub const OVERRIDE: &str = "POOLKEEPER_CPUS";

/// "1 CPU", "2.5 CPUs": never rounded up, and never longer than it must be.
pub fn counted(cpus: f64) -> String {
    let plural = if cpus == 1.0 { "" } else { "s" };
    format!("{} CPU{plural}", written(cpus))
}

/// A number of CPUs, cut after two digits behind the point, or after as many as
/// it takes to be neither 0 nor all but the next whole number.
pub fn written(cpus: f64) -> String {
    if cpus.fract() == 0.0 {
        return format!("{cpus:.0}");
    }
    let digits = match cpus.fract() {
        part if cpus < 0.01 || part > 0.99 => 5,
        _ => 2,
    };
    let scale = 10_f64.powi(digits);
    // 0.29 * 100 is a little less than 29.
    let cut = (cpus * scale + 1e-6).floor() / scale;
    if cut == 0.0 || cut.fract() == 0.0 {
        return cpus.to_string();
    }
    format!("{cut:.*}", digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_not_shown_as_more_than_it_is() {
        let shown = [
            (1.0, "1"),
            (1.5, "1.50"),
            (0.29, "0.29"),
            (2.0 / 3.0, "0.66"),
            (1.99999, "1.99999"),
            (1.999_999_9, "1.99999"),
            (0.001, "0.00100"),
            (1e-7, "0.0000001"),
        ];
        for (cpus, text) in shown {
            assert_eq!(written(cpus), text);
        }
        assert_eq!(counted(1.0), "1 CPU");
        assert_eq!(counted(0.5), "0.50 CPUs");
    }
}
