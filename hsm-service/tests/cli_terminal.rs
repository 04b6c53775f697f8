//! PINs on a terminal: asked for, never shown, and what is said of wrong ones.

mod service_support;

use std::{
    fs,
    io::{BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use service_support::{KEYWARD, Machine, Service, State};

const WITH_PIN: &str = "[[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\npin = \"required\"\n";

/// How long a program may take to say something.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own, with somebody who types.
struct Terminal {
    program: Child,
    keys: ChildStdin,
    screen: Receiver<u8>,
    /// All that was shown.
    shown: String,
}

impl Terminal {
    /// Runs `keyward` with these arguments and the environment of a command.
    fn run(like: &Command, arguments: &str) -> Terminal {
        Terminal::shell(like, &format!("{KEYWARD} {arguments}"))
    }

    /// Runs a line of a shell.
    fn shell(like: &Command, line: &str) -> Terminal {
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--flush", "--command"]);
        script.arg(line).arg("/dev/null").env_remove("KEYWARD_PIN_FILE");
        for (name, value) in like.get_envs() {
            script.env(name, value.unwrap_or_default());
        }
        let piped = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = piped.spawn().unwrap();
        let keys = program.stdin.take().unwrap();
        let screen = program.stdout.take().unwrap();
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for byte in BufReader::new(screen).bytes().map_while(Result::ok) {
                let _ = sender.send(byte);
            }
        });
        Terminal { program, keys, screen: receiver, shown: String::new() }
    }

    /// Waits for a question, and types the answer.
    fn answer(&mut self, question: &str, answer: &str) {
        let begin = self.shown.len();
        while !self.shown[begin..].contains(question) {
            let byte = self.screen.recv_timeout(PATIENCE);
            let byte = byte.unwrap_or_else(|_| panic!("not asked {question:?}: {}", self.shown));
            self.shown.push(byte.into());
        }
        self.wait_until_nothing_is_shown();
        writeln!(self.keys, "{answer}").unwrap();
    }

    /// The terminal shows what is typed until the program has it stop, a moment after it has asked.
    fn wait_until_nothing_is_shown(&self) {
        let end = Instant::now() + PATIENCE;
        let is_silent = || {
            let terminal = fs::read_link(format!("/proc/{}/fd/2", child_of(self.program.id())?));
            let settings = Command::new("stty").arg("-a").arg("-F").arg(terminal.ok()?).output();
            let settings = String::from_utf8(settings.ok()?.stdout).ok()?;
            Some(settings.split_whitespace().any(|word| word == "-echo"))
        };
        while is_silent() != Some(true) {
            assert!(Instant::now() < end, "what is typed would be shown: {}", self.shown);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end: whether it succeeded, and all that was on the screen.
    fn end(mut self) -> (bool, String) {
        let status = self.program.wait().unwrap();
        while let Ok(byte) = self.screen.recv_timeout(PATIENCE) {
            self.shown.push(byte.into());
        }
        (status.success(), self.shown)
    }
}

/// The youngest descendant of a process.
fn child_of(process: u32) -> Option<u32> {
    let mut found = None;
    let mut next = Some(process);
    while let Some(parent) = next {
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        next = children.ok()?.split_whitespace().next_back().and_then(|one| one.parse().ok());
        found = next.or(found);
    }
    found
}

/// A command of the user who runs the test.
fn mine(service: &Service) -> Command {
    let mut command = Command::new(KEYWARD);
    command.env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display()));
    command
}

fn set_first_pin(boss: &Machine, service: &Service, pins: [&str; 2]) -> (bool, String) {
    let mut terminal = Terminal::run(&boss.command(service, &[]), "user set-pin me");
    terminal.answer("New PIN: ", pins[0]);
    terminal.answer("Again: ", pins[1]);
    terminal.end()
}

#[test]
fn a_pin_is_asked_for_on_a_terminal_and_never_shown() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    let boss = service.machine("boss", &["admin"], &[]);
    let (done, shown) = set_first_pin(&boss, &service, ["correct horse", "correct house"]);
    assert!(!done && shown.contains("the two are not the same"), "{shown}");
    let (done, shown) = set_first_pin(&boss, &service, ["short", "short"]);
    assert!(!done && shown.contains("fewer than 8"), "{shown}");
    let (done, shown) = set_first_pin(&boss, &service, ["correct horse", "correct horse"]);
    assert!(done && !shown.contains("correct"), "{shown}");

    let mut terminal = Terminal::run(&mine(&service), "key generate web --type p-256");
    terminal.answer("PIN: ", "battery staple");
    let (done, shown) = terminal.end();
    assert!(!done && shown.contains("is wrong") && !shown.contains("staple"), "{shown}");
    let mut terminal = Terminal::run(&mine(&service), "key generate web --type p-256");
    terminal.answer("PIN: ", "correct horse");
    let (done, shown) = terminal.end();
    assert!(done && shown.contains("keyward:me/web") && !shown.contains("horse"), "{shown}");
}

#[test]
fn a_question_that_is_broken_off_leaves_a_terminal_that_shows_what_is_typed() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    let boss = service.machine("boss", &["admin"], &[]);
    // The shell goes on after Ctrl-C, and, being no interactive one, leaves the terminal alone.
    let line = format!("trap : INT; {KEYWARD} user set-pin me; stty -a");
    let mut terminal = Terminal::shell(&boss.command(&service, &[]), &line);
    terminal.answer("New PIN: ", "\u{3}");
    let (_, shown) = terminal.end();
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(words.contains(&"echo") && !words.contains(&"-echo"), "{shown}");
}

#[test]
fn who_has_a_pin_changes_it_on_a_terminal() {
    let state = State::with(WITH_PIN);
    let service = state.start();
    let boss = service.machine("boss", &["admin"], &[]);
    assert!(set_first_pin(&boss, &service, ["correct horse", "correct horse"]).0);
    let mut terminal = Terminal::run(&mine(&service), "user set-pin me");
    for (question, answer) in [
        ("PIN: ", "correct horse"),
        ("Old PIN, if there is one: ", "correct horse"),
        ("New PIN: ", "battery staple"),
        ("Again: ", "battery staple"),
    ] {
        terminal.answer(question, answer);
    }
    let (done, shown) = terminal.end();
    assert!(done && shown.contains("its PIN is set"), "{shown}");
    let mut terminal = Terminal::run(&mine(&service), "key list --json");
    terminal.answer("PIN: ", "battery staple");
    let (done, shown) = terminal.end();
    assert!(done && shown.contains("[]"), "{shown}");
}
