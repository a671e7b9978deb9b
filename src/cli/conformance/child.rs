//! A backend in another process: a line to it for each question, a line from it for each answer.
//!
//! Nothing that it does may hold the run up or fill the memory. Two threads write and read, so that no pipe can be full
//! while both sides wait; the one that reads takes a bounded line and waits until it is wanted; and for each answer there
//! is a time. After an answer that is missing or is none, the process is started anew, since what it writes next could
//! belong to anything.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{self, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use trommel::conformance::{Answer, BoxError, Question, Subject};
use trommel::{Code, Diagnostic};

use super::super::output::{Failure, note, one_line};

/// The longest line that is read as an answer. The indexes of a question's documents take a few hundred bytes.
const LONGEST_ANSWER: u64 = 1 << 20;
/// So many missing or malformed answers, and no more questions are asked: with a timeout each, a run would take hours.
const MOST_FAILURES: usize = 8;
/// So many characters of what a backend wrote are shown.
const SHOWN: usize = 120;
/// How long a backend that was answered has to end once nothing more is asked.
const FAREWELL: Duration = Duration::from_secs(2);

/// A backend in another process.
pub(super) struct Child {
    name: String,
    words: Vec<String>,
    timeout: Duration,
    /// None until the next question, after one that went wrong.
    running: Option<Running>,
    /// The questions asked so far.
    asked: u64,
    failures: usize,
}

/// A process, and the ends of the threads that write to it and read from it.
struct Running {
    process: process::Child,
    questions: Option<SyncSender<String>>,
    lines: Receiver<Line>,
}

/// What came from a process.
enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// An answer as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: u64,
    matches: Option<Vec<usize>>,
    unsupported: Option<String>,
}

impl Child {
    /// Starts the backend.
    pub(super) fn start(command: &str, timeout: Duration) -> Result<Child, Failure> {
        let words = shlex::split(command).filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| {
            Diagnostic::error(Code::Usage, format!("`{}` is no command", one_line(command)))
                .hint("a program and its arguments, with every quote closed")
        })?;
        let running = Running::start(&words)
            .map_err(|error| Failure::io(format_args!("cannot start `{}`", one_line(&words[0])), &error))?;
        Ok(Child { name: one_line(command), words, timeout, running: Some(running), asked: 0, failures: 0 })
    }

    /// Ends it; says what it wrote that nobody had asked for.
    pub(super) fn finish(mut self) -> Option<String> {
        let mut running = self.running.take()?;
        running.questions = None;
        match running.lines.recv_timeout(FAREWELL) {
            Ok(Line::Text(line)) => Some(format!("after the last answer the backend wrote {}", shown(&line))),
            Ok(Line::TooLong) => Some("after the last answer the backend wrote on and on".to_owned()),
            Ok(Line::End) | Err(_) => None,
        }
    }

    /// Asks one question, and reads what the answer is.
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, String> {
        let id = self.asked;
        let running = match &mut self.running {
            Some(running) => running,
            none => none.insert(Running::start(&self.words).map_err(|error| format!("cannot start it: {error}"))?),
        };
        // A question is one JSON object.
        running.send(format!("{{\"id\":{id},{}\n", &question.to_json()[1..]));
        let line = match running.lines.recv_timeout(self.timeout) {
            Ok(Line::Text(line)) => line,
            Ok(Line::TooLong) => return Err(format!("a line of more than {LONGEST_ANSWER} bytes")),
            Ok(Line::End) | Err(RecvTimeoutError::Disconnected) => return Err(running.end()),
            Err(RecvTimeoutError::Timeout) => return Err(format!("no answer within {} s", self.timeout.as_secs())),
        };
        let wrong = |what: &dyn Display| format!("{what}: {}", shown(&line));
        let written: Written = serde_json::from_slice(&line).map_err(|error| wrong(&error))?;
        match written {
            Written { id: other, .. } if other != id => Err(wrong(&format_args!("an answer to question {other}"))),
            Written { matches: Some(matches), unsupported: None, .. } => Ok(Answer::Matches(matches)),
            Written { unsupported: Some(why), matches: None, .. } => Ok(Answer::Unsupported(excerpt(&why))),
            Written { .. } => Err(wrong(&"neither `matches` nor `unsupported`, or both")),
        }
    }
}

impl Subject for Child {
    fn name(&self) -> &str {
        &self.name
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        let id = self.asked;
        if self.failures >= MOST_FAILURES {
            return Err(format!("question {id} was not asked: the backend failed {MOST_FAILURES} times").into());
        }
        let answer = self.ask(question);
        self.asked += 1;
        answer.map_err(|error| {
            // What it writes from now on could be about anything.
            self.running = None;
            self.failures += 1;
            let error = format!("question {id}: {error}");
            note(&error);
            if self.failures == MOST_FAILURES {
                note("nothing more is asked: every further question counts as answered wrongly");
            }
            error.into()
        })
    }
}

impl Running {
    fn start(words: &[String]) -> std::io::Result<Running> {
        let mut command = Command::new(&words[0]);
        let mut process = command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (questions, to_write) = sync_channel::<String>(1);
        if let Some(mut stdin) = process.stdin.take() {
            // A process that reads no more is found by what it does not answer.
            thread::spawn(move || to_write.iter().try_for_each(|question| stdin.write_all(question.as_bytes())));
        }
        let (read, lines) = sync_channel(1);
        if let Some(stdout) = process.stdout.take() {
            thread::spawn(move || read_lines(BufReader::new(stdout), &read));
        }
        Ok(Running { process, questions: Some(questions), lines })
    }

    /// Hands a question over; the channel is empty, since there is one question at a time.
    fn send(&self, question: String) {
        if let Some(questions) = &self.questions {
            // As above: it will not be answered.
            let _ = questions.try_send(question);
        }
    }

    /// How it ended.
    fn end(&mut self) -> String {
        for _ in 0..20 {
            if let Ok(Some(status)) = self.process.try_wait() {
                return format!("the backend ended ({status}) before it answered");
            }
            // The pipe is closed a moment before the process is gone.
            thread::sleep(Duration::from_millis(10));
        }
        "the backend closed its standard output before it answered".to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.questions = None;
        // Errors mean that it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads lines, each of a bounded length, as they are wanted.
fn read_lines(mut from: impl BufRead, to: &SyncSender<Line>) {
    loop {
        let mut line = Vec::new();
        let read = from.by_ref().take(LONGEST_ANSWER).read_until(b'\n', &mut line);
        let line = match read {
            Ok(0) | Err(_) => Line::End,
            Ok(_) if line.ends_with(b"\n") || (line.len() as u64) < LONGEST_ANSWER => Line::Text(line),
            Ok(_) => Line::TooLong,
        };
        let is_last = !matches!(line, Line::Text(_));
        if to.send(line).is_err() || is_last {
            return;
        }
    }
}

/// The beginning of what a backend wrote, as one line of text.
fn shown(bytes: &[u8]) -> String {
    format!("`{}`", excerpt(String::from_utf8_lossy(bytes).trim_end()))
}

fn excerpt(words: &str) -> String {
    let mut excerpt: String = words.chars().take(SHOWN).collect();
    if words.chars().nth(SHOWN).is_some() {
        excerpt.push('…');
    }
    one_line(&excerpt)
}
