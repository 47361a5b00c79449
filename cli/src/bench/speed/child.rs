//! Runs of this program from outside: wall time and the most memory that it held.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use wait4::Wait4;

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Wall time, start and end of the process included.
    pub seconds: f64,
    /// Most bytes of memory that it held at a time; `None` where they cannot be told
    /// from this process's own.
    pub peak: Option<u64>,
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
        let own = own_peak();
        let began = Instant::now();
        let mut child = Command::new(&self.0)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start this program")?;
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
        let peak = used.rusage.maxrss;
        Ok(Run {
            seconds,
            peak: Some(peak).filter(|&peak| peak > own),
        })
    }
}

/// Most bytes that this process held since the last call. Linux counts them as its
/// child's: a child begins as a copy, and its maximum is kept when it becomes another
/// program. What a child held is known if it is more. Other systems do not, and there
/// this is 0.
fn own_peak() -> u64 {
    // 5 sets the maximum back to what is held now (proc(5)); where that is not allowed
    // the maximum is larger, and fewer figures are known.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn own_memory_is_known_and_forgotten() {
        let large = vec![1u8; 300 << 20];
        assert!(own_peak() >= 300 << 20);
        assert!(large.iter().all(|&byte| byte == 1));
        drop(large);
        // Other tests run in this process, too; nothing is said of how little is left.
        assert!(own_peak() > 1 << 20);
    }
}
