//! The `subvm` command. Everything it does stands in the library.

fn main() -> std::process::ExitCode {
    subvm_cli::main()
}
