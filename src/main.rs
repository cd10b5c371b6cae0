//! The program: hands arguments, environment and standard streams to the command line.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use orgpass::cli::{self, Surroundings};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Names that are not text are not ours; a value that is not text is refused where it is used.
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    let surroundings = Surroundings {
        env: env.collect(),
        input: &mut io::stdin().lock(),
        output: &mut io::stdout(),
        errors: &mut io::stderr(),
        interactive: io::stderr().is_terminal(),
    };
    cli::run(std::env::args_os(), surroundings).into()
}
