//! The picture: threads that worked, and above them those that waited, over time;
//! below, what other programs used of the CPUs.

use super::colours::colour;
use super::html::escaped;
use super::words;
use poolkeeper::usage::Recording;
use std::fmt::Write as _;
use std::time::Duration;

/// The picture in its own units: pixels where there is room.
pub(super) const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;
/// What the part about other programs adds to the height.
const STRIP: f64 = 64.0;
/// Owners with a colour of their own; the rest is one.
const MOST_OWNERS: usize = 10;

/// One owner's threads over time.
struct Series {
    name: String,
    colour: String,
    /// Threads that ran, and that waited, in each stretch on average.
    ran: Vec<f64>,
    waited: Vec<f64>,
}

/// Where times and threads are in the picture.
struct Scale {
    wall: f64,
    width: f64,
    most: f64,
}

impl Scale {
    fn x(&self, time: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (time / self.wall).min(1.0)
    }

    fn y(&self, threads: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * threads / self.most
    }
}

/// The owners in the picture that did something, and their colours.
pub(super) fn legend(recording: &Recording) -> Vec<(String, String)> {
    let all = series(recording).into_iter();
    let did = |one: &Series| one.ran.iter().chain(&one.waited).any(|value| *value > 0.0);
    let those = all.filter(did);
    those.map(|one| (one.name, one.colour)).collect()
}

/// How high the picture is.
pub(super) fn height(recording: &Recording) -> f64 {
    HEIGHT
        + if recording.others.is_some() {
            STRIP
        } else {
            0.0
        }
}

/// The picture as an `svg` element.
pub(super) fn chart(recording: &Recording) -> String {
    let series = series(recording);
    let count = recording.stretches();
    let tops: Vec<f64> = (0..count)
        .map(|at| series.iter().map(|one| one.ran[at] + one.waited[at]).sum())
        .collect();
    let budget: Vec<f64> = (0..count).map(|at| recording.cpus(at)).collect();
    let most = tops.iter().chain(&budget).copied().fold(1.0, f64::max);
    let scale = Scale {
        wall: recording.wall.as_secs_f64().max(1e-9),
        width: recording.width.as_secs_f64(),
        most: most * 1.06,
    };
    let others = others(recording);
    let height = height(recording);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title\">\
         <title id=\"title\">Threads that worked and threads that waited for a CPU, over \
         {} , against the budget</title>\n",
        escaped(&words::time(recording.wall))
    )
    .replace(" , ", ", ");
    svg += &patterns(&series);
    svg += &axes(&scale);
    let mut below = vec![0.0; count];
    for (is_waiting, verb) in [(false, "worked"), (true, "waited")] {
        for (number, one) in series.iter().enumerate() {
            let values = if is_waiting { &one.waited } else { &one.ran };
            if values.iter().all(|value| *value <= 0.0) {
                continue;
            }
            let above: Vec<f64> = below.iter().zip(values).map(|(a, b)| a + b).collect();
            let fill = if is_waiting {
                format!("url(#wait{number})")
            } else {
                one.colour.clone()
            };
            let _ = writeln!(
                svg,
                "<path class=\"{verb}\" fill=\"{fill}\" d=\"{}\"><title>{} {verb}</title></path>",
                area(&scale, &below, &above),
                escaped(&one.name),
            );
            below = above;
        }
    }
    svg += &budget_line(&scale, &budget);
    svg += &others.map_or_else(String::new, |others| strip(&scale, &others, &budget));
    svg + "</svg>\n"
}

/// CPUs that other programs used in each stretch, where that is known.
fn others(recording: &Recording) -> Option<Vec<f64>> {
    let times = recording.others.as_ref()?;
    let used = (0..recording.stretches()).map(|at| {
        let time = times.get(at).copied().unwrap_or_default();
        time.as_secs_f64() / recording.length(at).as_secs_f64().max(1e-6)
    });
    Some(used.collect())
}

/// Other programs have a scale of their own below the threads.
fn strip(scale: &Scale, others: &[f64], budget: &[f64]) -> String {
    let most = others.iter().chain(budget).copied().fold(1.0, f64::max);
    let (bottom, high) = (HEIGHT + STRIP - 8.0, STRIP - 30.0);
    let mut path = format!("M{LEFT} {bottom:.1}");
    for (at, used) in others.iter().enumerate() {
        let (from, to) = (at as f64 * scale.width, (at + 1) as f64 * scale.width);
        let y = bottom - high * used / most;
        let _ = write!(path, "L{:.1} {y:.1}H{:.1}", scale.x(from), scale.x(to));
    }
    let _ = write!(path, "L{:.1} {bottom:.1}Z", scale.x(scale.wall));
    format!(
        "<text x=\"{LEFT}\" y=\"{:.1}\">CPUs that other programs used</text>\n\
         <path class=\"grid\" d=\"M{LEFT} {bottom:.1}H{:.1}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">0</text>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
         <path class=\"others\" d=\"{path}\"><title>other programs</title></path>\n",
        HEIGHT + 12.0,
        WIDTH - RIGHT,
        LEFT - 6.0,
        bottom + 4.0,
        LEFT - 6.0,
        bottom - high + 4.0,
        short((most * 10.0).round() / 10.0),
    )
}

/// The owners' threads, those that wanted most first, at the bottom.
fn series(recording: &Recording) -> Vec<Series> {
    let count = recording.stretches();
    let own = recording.owners.iter().take(MOST_OWNERS);
    let new = |name: String, colour: String| Series {
        name,
        colour,
        ran: vec![0.0; count],
        waited: vec![0.0; count],
    };
    let mut all: Vec<Series> = own
        .map(|used| new(words::name(&used.owner), colour(&used.owner)))
        .collect();
    if recording.owners.len() > MOST_OWNERS {
        all.push(new("other threads".to_owned(), "hsl(0 0% 60%)".to_owned()));
    }
    for lane in &recording.lanes {
        let one = &mut all[lane.owner.min(MOST_OWNERS)];
        let add = |to: &mut [f64], times: &[Duration]| {
            for (at, (value, time)) in to.iter_mut().zip(times).enumerate() {
                *value += time.as_secs_f64() / recording.length(at).as_secs_f64().max(1e-6);
            }
        };
        add(&mut one.ran, &lane.ran);
        add(&mut one.waited, &lane.waited);
    }
    all
}

/// Stripes in each colour, for threads that wait.
fn patterns(series: &[Series]) -> String {
    let mut text = "<defs>\n".to_owned();
    for (number, one) in series.iter().enumerate() {
        let colour = &one.colour;
        let _ = writeln!(
            text,
            "<pattern id=\"wait{number}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"{colour}\" \
             fill-opacity=\"0.22\"/><rect width=\"2\" height=\"6\" fill=\"{colour}\" \
             fill-opacity=\"0.75\"/></pattern>"
        );
    }
    text + "</defs>\n"
}

/// The area between two lines of steps.
fn area(scale: &Scale, below: &[f64], above: &[f64]) -> String {
    let mut path = String::new();
    let mut step = |at: usize, value: f64, back: bool| {
        let (begin, end) = (at as f64 * scale.width, (at + 1) as f64 * scale.width);
        let (from, to) = if back { (end, begin) } else { (begin, end) };
        let y = scale.y(value);
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(
            path,
            "{command}{:.1} {y:.1}H{:.1}",
            scale.x(from),
            scale.x(to)
        );
    };
    for (at, value) in above.iter().enumerate() {
        step(at, *value, false);
    }
    for (at, value) in below.iter().enumerate().rev() {
        step(at, *value, true);
    }
    path + "Z"
}

fn budget_line(scale: &Scale, budget: &[f64]) -> String {
    let mut path = String::new();
    for (at, cpus) in budget.iter().enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        let (from, to) = (at as f64 * scale.width, (at + 1) as f64 * scale.width);
        let _ = write!(
            path,
            "{command}{:.1} {:.1}H{:.1}",
            scale.x(from),
            scale.y(*cpus),
            scale.x(to)
        );
    }
    let last = budget.last().copied().unwrap_or(0.0);
    format!(
        "<path class=\"budget\" d=\"{path}\"><title>the budget</title></path>\n\
         <text class=\"budget\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">budget: {}</text>\n",
        WIDTH - RIGHT - 4.0,
        scale.y(last) - 5.0,
        words::cpus(last),
    )
}

fn axes(scale: &Scale) -> String {
    let mut text = String::new();
    let every = nice(scale.most / 6.0).max(1.0);
    let mut threads = 0.0;
    while threads <= scale.most {
        let y = scale.y(threads);
        let _ = writeln!(
            text,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{threads}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
        threads += every;
    }
    let every = nice(scale.wall / 8.0);
    let mut number = 0;
    while f64::from(number) * every <= scale.wall * 0.985 {
        let time = f64::from(number) * every;
        let anchor = if number == 0 { "start" } else { "middle" };
        let unit = if number == 0 { "" } else { " s" };
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}{unit}</text>",
            scale.x(time),
            HEIGHT - 8.0,
            short(time)
        );
        number += 1;
    }
    text
}

/// A number that people count in, not below this one: 1, 2 or 5 times a power of ten.
fn nice(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-6).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let found = steps.iter().find(|step| *step * power >= least * 0.999);
    found.unwrap_or(&10.0) * power
}

/// Without zeros at its end.
fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_an_axis_are_those_that_people_count_in() {
        for (least, step) in [
            (0.3, 0.5),
            (1.0, 1.0),
            (1.2, 2.0),
            (3.0, 5.0),
            (62.0, 100.0),
        ] {
            assert!((nice(least) - step).abs() < 1e-9, "{least}");
        }
        assert_eq!(short(0.25), "0.25");
        assert_eq!(short(20.0), "20");
    }

    #[test]
    fn an_area_goes_there_and_back() {
        let scale = Scale {
            wall: 2.0,
            width: 1.0,
            most: 4.0,
        };
        let path = area(&scale, &[0.0, 0.0], &[4.0, 2.0]);
        assert_eq!(
            path,
            "M44.0 14.0H496.0L496.0 174.0H948.0L948.0 334.0H496.0L496.0 334.0H44.0Z"
        );
    }
}
