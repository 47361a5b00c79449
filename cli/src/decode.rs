//! `lic decode`.

use anyhow::{Context, Result};
use lic_codec::{Decoder, Limits};

use crate::args::{Decode, FileLimits};
use crate::io::{self, Output, input_name};
use crate::picture::Format;
use crate::report::Words;

/// Decodes a file.
pub fn run(args: &Decode, words: Words) -> Result<()> {
    args.machine.set_threads()?;
    let format = Format::of(&args.output)?;
    let output = Output::at(&args.output)?;
    let name = || input_name(&args.input);
    let mut decoder = Decoder::new(io::open(&args.input)?).limits(args.limits.limits());
    let header = decoder.read_header().with_context(name)?;
    format.check(header.channels).with_context(name)?;

    let zoo = args.machine.zoo()?;
    let image = decoder.decode(&zoo).with_context(name)?;
    let size = format!("{}x{} pixels", image.width(), image.height());
    output.write(|writer| format.write(image, writer))?;
    words.say(&format!("{}: {size}", output.name()));
    Ok(())
}

impl FileLimits {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.max_pixels = self.max_pixels.unwrap_or(limits.max_pixels);
        let bytes = self.max_memory.map(|mib| mib.saturating_mul(1 << 20));
        limits.max_memory = bytes.unwrap_or(limits.max_memory);
        limits
    }
}
