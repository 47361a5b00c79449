//! Runs of this program from outside: wall time and the most memory that it held.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use wait4::Wait4;

/// From one look at how much memory a process holds to the next.
const PAUSE: Duration = Duration::from_millis(2);

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Wall time, start and end of the process included.
    pub seconds: f64,
    /// Most bytes of memory that it held at a time.
    pub peak: u64,
}

/// This program, to be run with other arguments.
#[derive(Debug)]
pub struct Program(PathBuf);

impl Program {
    /// # Errors
    /// If the system does not say where this program is.
    pub fn this() -> Result<Self> {
        Ok(Self(
            std::env::current_exe().context("where is this program?")?,
        ))
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// If it fails: its last words are in the error.
    pub fn run(&self, arguments: &[&str]) -> Result<Run> {
        let began = Instant::now();
        let mut child = Command::new(&self.0)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start this program")?;
        let watched = watch(child.id());
        let mut words = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut words)?;
        }
        let used = child.wait4()?;
        let seconds = began.elapsed().as_secs_f64();
        if !used.status.success() {
            let last = words.lines().last().unwrap_or("no word");
            bail!("lic {}: {last}", arguments.join(" "));
        }
        // Nothing was seen where there is no /proc.
        let watched = watched.join().unwrap_or_default();
        Ok(Run {
            seconds,
            peak: watched.unwrap_or(used.rusage.maxrss),
        })
    }
}

/// Asks, until a process is at its end, for the most memory that it held: in its last
/// moment it may have been a little more.
///
/// The system's own count comes with the end of a child, but on Linux that begins with what
/// its parent held, of which it was a copy before it became another program; and this
/// program holds more than most that it measures.
fn watch(process: u32) -> JoinHandle<Option<u64>> {
    thread::spawn(move || {
        let mut most = None;
        // A process that ended, but was not waited for, has a status without memory.
        while let Some(peak) = peak_of(process) {
            most = Some(peak);
            thread::sleep(PAUSE);
        }
        most
    })
}

/// Most bytes that a process held since it became what it runs.
fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Write;

    /// Memory of a program that is watched while it runs, and for `held` at least.
    fn watched(held: Duration) -> Option<u64> {
        let mut cat = Command::new("cat");
        let cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cat.spawn().unwrap();
        // What it says, it says after it has been loaded.
        child.stdin.as_mut().unwrap().write_all(b"a").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let watched = watch(child.id());
        thread::sleep(held);
        // It ends with its input, and is watched until it has.
        drop(child.stdin.take());
        let peak = watched.join().unwrap();
        assert!(child.wait().unwrap().success());
        peak
    }

    #[test]
    fn memory_of_another_process_is_seen() {
        let large = vec![1u8; 64 << 20];
        // On a busy machine the one who watches may be late.
        let held = [10, 100, 1_000, 10_000].map(Duration::from_millis);
        let peak = held.into_iter().find_map(watched).unwrap();
        assert!(large.iter().all(|&byte| byte == 1));
        // Not what this process holds.
        assert!((64 << 10..64 << 20).contains(&peak), "{peak}");
    }
}
