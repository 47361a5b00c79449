//! x264 and x265, through the program ffmpeg.

use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use lic_datasets::video::{VideoFormat, VideoReader, Y4mReader};

use super::super::program;
use super::open;
use super::scores::{Point, Scores};
use crate::args::{Bench, Peer, Peers};
use crate::video::source::picture;

/// Another encoder, through the program ffmpeg.
pub(super) struct Other {
    pub(super) key: &'static str,
    library: &'static str,
    arguments: &'static [&'static str],
    container: &'static str,
    pub(super) crf: [u8; 5],
}

/// As people run them: the default preset, and the one for calls.
const OTHERS: [Other; 4] = [
    Other {
        key: "x264",
        library: "libx264",
        arguments: &["-preset", "medium"],
        container: "h264",
        crf: [18, 23, 28, 33, 38],
    },
    Other {
        key: "x264-zerolatency",
        library: "libx264",
        arguments: &["-preset", "medium", "-tune", "zerolatency"],
        container: "h264",
        crf: [18, 23, 28, 33, 38],
    },
    Other {
        key: "x265",
        library: "libx265",
        arguments: &["-preset", "medium", "-x265-params", "log-level=none"],
        container: "hevc",
        crf: [18, 23, 28, 33, 38],
    },
    Other {
        key: "x265-zerolatency",
        library: "libx265",
        arguments: &[
            "-preset",
            "medium",
            "-tune",
            "zerolatency",
            "-x265-params",
            "log-level=none",
        ],
        container: "hevc",
        crf: [18, 23, 28, 33, 38],
    },
];

impl Other {
    /// From the bytes of its stream, with an intra frame every `gop` frames.
    pub(super) fn measure(&self, path: &Path, crf: u8, gop: u32) -> Result<Point> {
        let folder = tempfile::tempdir()?;
        let coded = folder.path().join(format!("coded.{}", self.container));
        let threads = rayon::current_num_threads().to_string();
        let crf_text = crf.to_string();
        let mut command = Command::new("ffmpeg");
        command
            .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
            .arg(path)
            .args(["-c:v", self.library])
            .args(self.arguments)
            .args(["-crf", &crf_text, "-threads", &threads]);
        if gop > 0 {
            command.args(["-g", &gop.to_string()]);
        }
        command.args(["-f", self.container]).arg(&coded);
        let seconds = program::run(&mut command)?;
        let bytes = std::fs::metadata(&coded)?.len();

        let mut originals = open(path)?;
        let format = *originals.format();
        let mut scores = Scores::new(format);
        let began = Instant::now();
        let decode = Decoding::start(&coded, &format, &threads)?;
        let mut back = Y4mReader::new(decode, Some(format.matrix))?;
        while let Some(frame) = back.next_frame()? {
            let original = originals
                .next_frame()?
                .context("more frames than there were")?;
            let image = picture(&format, &frame)?;
            scores.add(&original, &frame, &image)?;
        }
        let all = scores.frames as f64;
        let fps = [all / seconds, all / began.elapsed().as_secs_f64()];
        scores.point(path, self.key, crf.into(), bytes, fps)
    }
}

/// The peers that are there, and why others are not.
pub(super) fn others(args: &Bench) -> (Vec<Other>, Vec<String>) {
    // Of the peers for pictures, only `none` and `hevc` mean something here.
    let wanted = match &args.peers {
        Peers::Installed => true,
        Peers::Named(peers) => peers.contains(&Peer::Hevc),
    };
    if !wanted {
        return (Vec::new(), Vec::new());
    }
    let said = program::ask(Command::new("ffmpeg").args(["-hide_banner", "-encoders"]));
    let listed = said.map(|said| said.text).unwrap_or_default();
    let (found, missing): (Vec<Other>, Vec<Other>) = OTHERS
        .into_iter()
        .partition(|other| listed.contains(other.library));
    let reason =
        |other: &Other| format!("{} is left out: ffmpeg lacks {}", other.key, other.library);
    let left_out = missing.iter().map(reason).collect();
    (found, left_out)
}

/// The frames that ffmpeg decodes.
pub(super) struct Decoding {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Decoding {
    pub(super) fn start(file: &Path, format: &VideoFormat, threads: &str) -> Result<Self> {
        use lic_datasets::video::Sampling;
        let pixels = match (format.sampling, format.bits) {
            (Sampling::Mono, 8) => "gray",
            (Sampling::Yuv444, 8) => "yuv444p",
            (Sampling::Yuv422, 8) => "yuv422p",
            (_, 8) => "yuv420p",
            (Sampling::Yuv444, _) => "yuv444p10le",
            (Sampling::Yuv422, _) => "yuv422p10le",
            _ => "yuv420p10le",
        };
        let mut command = Command::new("ffmpeg");
        command
            .args(["-nostdin", "-loglevel", "error", "-threads", threads, "-i"])
            .arg(file)
            .args([
                "-fps_mode",
                "passthrough",
                "-pix_fmt",
                pixels,
                "-strict",
                "-1",
            ])
            .args(["-f", "yuv4mpegpipe", "-"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start ffmpeg")?;
        let output = child.stdout.take().context("ffmpeg has no output")?;
        Ok(Self {
            child,
            output: BufReader::new(output),
        })
    }
}

impl Read for Decoding {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.output.read(bytes)
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        // It has ended, or nobody wants the rest.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
