//! The command without Python.

fn main() -> std::process::ExitCode {
    let code = poolkeeper_cli::run(
        std::env::args_os(),
        &mut poolkeeper_cli::NoPython,
        &mut std::io::stdout(),
        &mut std::io::stderr(),
    );
    std::process::ExitCode::from(u8::try_from(code).unwrap_or(1))
}
