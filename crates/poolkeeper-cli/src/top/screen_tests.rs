use super::*;
use crate::top::rows::Sort;
use crate::top::state::Press;
use poolkeeper::usage::{LiveOwner, LiveProcess, Owner, View};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const PLAIN: Paint = Paint {
    is_coloured: false,
    has_blocks: true,
};

fn owner(name: &str, threads: usize, ran: f64, waited: f64) -> LiveOwner {
    let mut owner = LiveOwner::default();
    owner.owner = Owner::Named(name.to_owned());
    (owner.threads, owner.ran, owner.waited) = (threads, ran, waited);
    owner
}

fn process(pid: u32, command: &str, owners: Vec<LiveOwner>) -> LiveProcess {
    let mut process = LiveProcess::default();
    process.pid = pid;
    process.command = command.split(' ').map(str::to_owned).collect();
    process.budget = Some(2.0);
    process.threads = owners.iter().map(|owner| owner.threads).sum();
    process.ran = owners.iter().map(|owner| owner.ran).sum();
    process.waited = owners.iter().map(|owner| owner.waited).sum();
    process.owners = owners;
    process
}

fn view(processes: Vec<LiveProcess>) -> View {
    let mut view = View::default();
    (view.cpus, view.busy, view.processes) = (2, Some(1.9), processes);
    view
}

fn three() -> View {
    view(vec![
        process(
            10,
            "/usr/bin/python train.py",
            vec![owner("pool", 16, 1.8, 6.2)],
        ),
        process(20, "bash", vec![owner("shell", 1, 0.0, 0.0)]),
        process(30, "/usr/bin/make all", vec![owner("job", 1, 0.1, 0.4)]),
    ])
}

fn shown(state: &State, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut place = TableState::new();
    terminal
        .draw(|frame| draw(frame, state, &mut place, PLAIN))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y: u16| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol())
            .collect::<String>()
    };
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

fn state(view: View, is_folded: bool) -> State {
    let mut state = State::new(Sort::Cpu, is_folded);
    state.update(view);
    state
}

#[test]
fn processes_and_what_is_in_them_are_rows() {
    let lines = shown(&state(three(), false), 80, 12);
    assert!(lines[0].starts_with("poolkeeper top  2 CPUs, 1.9 busy  3 processes, 18 threads"));
    assert!(lines[1].contains("PROGRAM") && lines[1].ends_with("HISTORY"));
    assert!(
        lines[2].starts_with("     10 - python train.py"),
        "{}",
        lines[2]
    );
    assert!(lines[3].contains("\"pool\""));
    for value in ["16", "6.2", "1.8", "▇"] {
        assert!(lines[3].contains(value), "{value}: {}", lines[3]);
    }
    assert!(lines[4].starts_with("     30 - make all"));
    assert!(lines[11].starts_with("q quit  ? help"));
    assert!(lines[11].ends_with("1/6"));
    let wide = shown(&state(three(), false), 200, 50);
    assert_eq!(wide.len(), 50);
    assert!(wide[3].ends_with('▇'));
}

#[test]
fn keys_fold_sort_filter_and_quit() {
    let mut state = state(three(), true);
    let press = |state: &mut State, text: &str| {
        let each = text.chars().map(Press::Character);
        each.map(|key| state.press(key)).collect::<Vec<bool>>()
    };
    assert_eq!(state.rows().len(), 3);
    assert!(!state.press(Press::Enter));
    assert_eq!(state.rows().len(), 4);
    press(&mut state, "e");
    assert_eq!(state.rows().len(), 6);
    press(&mut state, "e");
    // By waiting, threads, PID and name.
    press(&mut state, "sss");
    assert_eq!(state.rows()[0].0.pid, "10");
    press(&mut state, "r");
    assert_eq!(state.rows()[0].0.pid, "30");
    press(&mut state, "rs");
    assert_eq!(state.rows()[0].0.what, "+ bash");
    press(&mut state, "/MAKEx");
    assert!(
        shown(&state, 80, 8)
            .join("\n")
            .contains("Nothing has this text")
    );
    state.press(Press::Backspace);
    state.press(Press::Enter);
    assert_eq!(state.rows().len(), 1);
    assert!(shown(&state, 80, 8)[7].contains("filter: MAKE"));
    // The first Esc shows all again, and the second quits.
    assert!(!state.press(Press::Escape));
    assert_eq!(state.rows().len(), 3);
    press(&mut state, "?");
    assert!(
        shown(&state, 80, 24)
            .join("\n")
            .contains("fold or unfold the chosen process")
    );
    assert_eq!(press(&mut state, "qq"), [false, true]);
    assert!(state.press(Press::Escape));
}

#[test]
fn the_chosen_row_is_followed_and_what_is_gone_is_left() {
    let mut state = state(three(), true);
    state.press(Press::Down);
    assert_eq!(state.rows()[state.selected].0.pid, "30");
    let mut later = three();
    later.processes[1].ran = 1.0;
    state.update(later);
    assert_eq!(state.selected, 2);
    assert_eq!(state.rows()[state.selected].0.pid, "30");
    state.update(view(three().processes[..1].to_vec()));
    assert_eq!(state.selected, 0);
    state.update(view(Vec::new()));
    assert!(shown(&state, 80, 6).join("\n").contains("has ended"));
}

#[test]
fn a_pause_keeps_the_screen() {
    let mut state = state(three(), true);
    state.press(Press::Character('p'));
    state.update(view(Vec::new()));
    assert_eq!(state.rows().len(), 3);
    assert!(shown(&state, 80, 8)[7].contains("paused"));
    state.press(Press::Character('p'));
    state.update(view(Vec::new()));
    assert_eq!(state.rows().len(), 0);
}

#[test]
fn what_wants_too_much_is_marked() {
    let rows = state(three(), false).rows();
    let marked: Vec<bool> = rows.iter().map(|(row, _)| row.is_crowded).collect();
    assert_eq!(marked, [true, true, false, false, false, false]);
}

#[test]
fn any_size_of_a_screen_will_do() {
    let mut many = three();
    for pid in 100..400 {
        many.processes
            .push(process(pid, "x\x1b[2J y", vec![owner("w", 300, 0.01, 0.0)]));
    }
    let mut state = state(many, false);
    for (width, height) in [(1, 1), (2, 3), (20, 4), (80, 24), (200, 50), (500, 3)] {
        let lines = shown(&state, width, height).join("\n");
        assert!(!lines.contains('\x1b'));
        state.press(Press::PageDown);
        state.press(Press::Character('?'));
        shown(&state, width, height);
        state.press(Press::Escape);
    }
    state.press(Press::End);
    assert!(shown(&state, 80, 24).join("\n").contains("606/606"));
}

#[test]
fn a_history_ends_with_the_last_look() {
    assert_eq!(sparkline(&[0.0, 1.0, 2.0, 0.02], 2.0, 3, PLAIN), "▄█▁");
    assert_eq!(sparkline(&[2.0], 2.0, 3, PLAIN), "  █");
    let ascii = Paint {
        has_blocks: false,
        ..PLAIN
    };
    assert_eq!(sparkline(&[1.0, 9.0], 2.0, 3, ascii), " -#");
}
