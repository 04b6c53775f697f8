//! Secrets that are asked for on the terminal, which does not show them meanwhile.

use std::{fs::File, io, sync::Once, thread};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};
use zeroize::Zeroizing;

/// Asks for a line.
pub(crate) fn secret(question: &str) -> io::Result<Zeroizing<String>> {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // Without it the question is asked all the same.
        let _ = watch();
    });
    rpassword::prompt_password(format!("{question}: ")).map(Zeroizing::new)
}

/// Has the terminal show what is typed again, should a signal end the process while it does not:
/// not every shell sees to that.
fn watch() -> io::Result<()> {
    let terminal = File::open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    let restore = move || {
        for signal in signals.forever() {
            let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
            let _ = emulate_default_handler(signal);
        }
    };
    thread::Builder::new().name("terminal".into()).spawn(restore).map(drop)
}
