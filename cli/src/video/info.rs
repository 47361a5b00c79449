//! `lic info` of a clip.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use lic_codec::bitstream::VERSION;
use lic_codec::clip::{Chroma, FrameInfo, FrameKind};
use lic_codec::{Channels, ClipDecoder, ClipHeader, Coder};

use crate::args::Info;
use crate::info::{hex, model_name};
use crate::io::{self, input_name};
use crate::report::{AboutClip, AboutFrame, Line, grouped, print, print_json};

/// Says what is in a clip.
pub fn run(args: &Info) -> Result<()> {
    let name = input_name(&args.file);
    if args.symbols {
        let zoo = args.machine.zoo()?;
        let decoder = ClipDecoder::new(io::open(&args.file)?);
        let frames = decoder.start(&zoo).with_context(|| name.clone())?;
        let mut frames = frames.digested();
        while frames
            .decode_next()
            .with_context(|| name.clone())?
            .is_some()
        {}
        let digest = frames.symbols_digest().unwrap_or_default();
        return print(&hex(&digest));
    }
    let mut decoder = ClipDecoder::new(io::open(&args.file)?);
    let header = decoder.read_header().with_context(|| name.clone())?.clone();
    let mut frames = Vec::new();
    let complete = loop {
        match decoder.next_info() {
            Ok(Some(info)) => frames.push(info),
            Ok(None) => break true,
            Err(error) if error.is_truncation() => break false,
            Err(error) => return Err(error).with_context(|| name.clone()),
        }
    };
    let about = about(&name, &header, &frames, complete);
    if args.json {
        print_json(&Line::InfoClip(&about))
    } else {
        print(&text(&about))
    }
}

fn about(name: &str, header: &ClipHeader, frames: &[FrameInfo], complete: bool) -> AboutClip {
    let bytes: u64 = frames.iter().map(|frame| frame.bytes).sum();
    let pixels = f64::from(header.width) * f64::from(header.height);
    let count = frames.len().max(1) as f64;
    let fps = header.rate.value();
    AboutClip {
        file: name.to_owned(),
        version: VERSION,
        model: model_name(header.model, header.digest),
        temporal: header.temporal.to_string(),
        channels: match header.channels {
            Channels::Grey => "grey",
            Channels::Rgb => "rgb",
        },
        coder: match header.coder {
            Coder::Ans => "ans",
            Coder::Range => "range",
        },
        quality: header.quality.get(),
        width: header.width,
        height: header.height,
        source: source(header),
        fps,
        gop: header.gop,
        tiles: header.grid().count(),
        frame_bytes: bytes,
        bpp: bytes as f64 * 8.0 / (pixels * count),
        bitrate: fps.map(|fps| bytes as f64 * 8.0 * fps / count),
        complete,
        frames: frames
            .iter()
            .map(|frame| AboutFrame {
                number: frame.number,
                kind: match frame.kind {
                    FrameKind::Intra => "I",
                    FrameKind::Predicted => "P",
                    FrameKind::Between => "B",
                },
                quality: frame.quality.get(),
                bytes: frame.bytes,
                motion_bytes: frame.motion_bytes,
                held_tiles: frame.held_tiles as u64,
            })
            .collect(),
    }
}

fn source(header: &ClipHeader) -> String {
    let source = &header.source;
    let chroma = match (source.chroma, header.channels) {
        (_, Channels::Grey) => "grey",
        (Chroma::None, _) => "rgb",
        (Chroma::Yuv444, _) => "4:4:4",
        (Chroma::Yuv422, _) => "4:2:2",
        (Chroma::Yuv420Left | Chroma::Yuv420Centre, _) => "4:2:0",
    };
    let range = if source.full_range { "full" } else { "limited" };
    let matrix = match source.matrix {
        1 => ", BT.709",
        5 | 6 => ", BT.601",
        9 => ", BT.2020",
        _ => "",
    };
    format!("{chroma}, {} bits, {range} range{matrix}", source.bits)
}

fn text(about: &AboutClip) -> String {
    let model = &about.model;
    let key = model.key.as_deref().unwrap_or("unknown to this program");
    let fps = about.fps.map_or("not known".to_owned(), |fps| {
        format!("{fps:.3} frames a second")
    });
    let rate = match about.bitrate {
        Some(bitrate) => format!("{:.4} bpp, {:.1} kbit/s", about.bpp, bitrate / 1000.0),
        None => format!("{:.4} bpp", about.bpp),
    };
    let intra = about.frames.iter().filter(|f| f.kind == "I").count();
    let lines = [
        ("file", about.file.clone()),
        ("version", about.version.to_string()),
        (
            "model",
            format!(
                "{key} (id {}, weights {}, temporal {})",
                model.id, model.digest, about.temporal
            ),
        ),
        (
            "clip",
            format!("{}x{} {}", about.width, about.height, about.channels),
        ),
        ("source", about.source.clone()),
        ("rate", fps),
        ("quality", about.quality.to_string()),
        ("coded", rate),
        ("coder", about.coder.to_owned()),
        (
            "frames",
            format!(
                "{} ({intra} intra), {} bytes{}",
                about.frames.len(),
                grouped(about.frame_bytes),
                if about.complete {
                    ""
                } else {
                    "; the file ends too soon"
                }
            ),
        ),
    ];
    let mut text = String::new();
    for (what, value) in lines {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{what:<9} {value}");
    }
    let _ = write!(
        text,
        "{:>9} type quality {:>10} {:>8}",
        "frame", "bytes", "motion"
    );
    for frame in &about.frames {
        let _ = write!(
            text,
            "\n{:>9} {:<4} {:>7} {:>10} {:>8}",
            frame.number,
            frame.kind,
            frame.quality,
            grouped(frame.bytes),
            grouped(frame.motion_bytes)
        );
    }
    text
}
