//! `lic decode`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use lic_codec::{DecodeOptions, Decoded, Decoder, Limits};

use crate::args::{Decode, FileLimits};
use crate::io::{self, Output, input_name};
use crate::picture::{Format, Kind};
use crate::report::{Words, grouped};

/// The picture was written, and parts of it were filled in.
const CONCEALED: u8 = 3;

/// Decodes a file.
pub fn run(args: &Decode, words: Words) -> Result<ExitCode> {
    args.machine.set_threads()?;
    let format = Format::of(&args.output)?;
    let output = Output::at(&args.output)?;
    let name = || input_name(&args.input);
    let mut decoder = Decoder::new(io::open(&args.input)?).limits(args.limits.limits());
    let header = decoder.read_header().with_context(name)?;
    format.check(Kind::from(header)).with_context(name)?;

    let zoo = args.machine.zoo()?;
    let decoded = decoder.decode_with(&zoo, &args.options());
    let decoded = decoded.with_context(name)?;
    let missing = missing(&decoded, args.partial);
    if let Some(what) = format.leaves_out(&decoded.image) {
        words.say(&format!(
            "{}: {what} cannot be written to it",
            output.name()
        ));
    }
    let size = format!(
        "{}x{} pixels",
        decoded.image.width(),
        decoded.image.height()
    );
    output.write(|writer| format.write(decoded.image, writer))?;
    words.say(&format!("{}: {size}", output.name()));
    let Some(missing) = missing else {
        return Ok(ExitCode::SUCCESS);
    };
    words.say(&format!("{}: {missing}", name()));
    // That a file has not arrived as a whole is what --partial expects.
    Ok(if args.conceal {
        ExitCode::from(CONCEALED)
    } else {
        ExitCode::SUCCESS
    })
}

impl Decode {
    fn options(&self) -> DecodeOptions {
        let mut options = DecodeOptions::default().scale(self.scale);
        options.region = self.region;
        options.partial = self.partial;
        options.conceal = self.conceal;
        options
    }
}

/// What was not there, in words; how much was used, if that was asked for.
fn missing(decoded: &Decoded, partial: bool) -> Option<String> {
    let used = format!("{} bytes used", grouped(decoded.bytes_used));
    if decoded.incomplete.is_empty() && decoded.lost.is_empty() {
        return partial.then(|| format!("{used}, all of it"));
    }
    let sections = decoded.header.sections;
    let tile = |&(tile, found): &(usize, usize)| {
        format!("tile {tile} with {found} of {sections} sections")
    };
    let tiles = decoded.incomplete.iter().map(tile);
    let lost = decoded.lost.iter().map(|name| format!("{name} lost"));
    let parts: Vec<String> = tiles.chain(lost).collect();
    Some(format!("{used}; {}", parts.join(", ")))
}

impl FileLimits {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.max_pixels = self.max_pixels.unwrap_or(limits.max_pixels);
        let bytes = self.max_memory.map(|mib| mib.saturating_mul(1 << 20));
        limits.max_memory = bytes.unwrap_or(limits.max_memory);
        limits.max_streams = self.max_streams.unwrap_or(limits.max_streams);
        limits
    }
}
