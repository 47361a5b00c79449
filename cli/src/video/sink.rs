//! Where decoded frames go.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};
use lic_codec::{Image, Samples};
use lic_datasets::video::{PictureWriter, Sampling, VideoFormat, Y4mWriter, is_pattern};

/// A kind of output, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// y4m, in a file or a pipe.
    Y4m,
    /// Numbered pictures.
    Pictures,
    /// What FFmpeg writes without loss.
    Foreign,
}

impl Kind {
    /// What the ending of `path` asks for; y4m on standard output and devices.
    pub fn of(path: &Path) -> Result<Self> {
        if is_pattern(path) {
            return Ok(Self::Pictures);
        }
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("y4m") | None => Ok(Self::Y4m),
            Some("mkv" | "mp4" | "mov") if cfg!(feature = "ffmpeg") => Ok(Self::Foreign),
            Some(ending @ ("mkv" | "mp4" | "mov")) => bail!(
                "{}: .{ending} needs a build with FFmpeg; lic decode IN - | ffmpeg -i - OUT",
                path.display()
            ),
            Some(ending) => bail!(
                "{}: frames are written to .y4m or to numbered pictures such as %04d.png, not \
                 to .{ending}",
                path.display()
            ),
        }
    }
}

/// Takes frames.
pub enum Sink<'a> {
    /// As y4m.
    Y4m(VideoFormat, Y4mWriter<&'a mut dyn Write>),
    /// As numbered pictures.
    Pictures(PictureWriter),
    /// Through FFmpeg.
    #[cfg(feature = "ffmpeg")]
    Foreign(VideoFormat, lic_datasets::video::FfmpegWriter),
}

impl<'a> Sink<'a> {
    /// y4m to `writer`.
    pub fn y4m(format: &VideoFormat, writer: &'a mut dyn Write) -> Result<Self> {
        let mut format = *format;
        if format.sampling == Sampling::Rgb {
            // There are no frames of red, green and blue in y4m.
            format.sampling = Sampling::Yuv444;
            format.bits = if format.bits > 8 { 16 } else { 8 };
        }
        Ok(Self::Y4m(format, Y4mWriter::new(writer, format)?))
    }

    /// Pictures to `path`, a pattern.
    pub fn pictures(format: &VideoFormat, path: &Path) -> Result<Self> {
        let size = (format.width, format.height);
        let grey = format.channels() == 1;
        let writer = PictureWriter::new(path, size, grey, format.bits > 8)?;
        Ok(Self::Pictures(writer))
    }

    /// Writes a frame.
    pub fn write(&mut self, image: &Image) -> Result<()> {
        let Samples::Sixteen(samples) = image.samples() else {
            bail!("a frame has 8 bits, 16 were expected");
        };
        match self {
            Self::Y4m(format, writer) => writer.write(&format.from_rgb(samples))?,
            Self::Pictures(writer) => {
                writer.write(samples)?;
            }
            #[cfg(feature = "ffmpeg")]
            Self::Foreign(format, writer) => writer.write(&format.from_rgb(samples))?,
        }
        Ok(())
    }

    /// Writes what is still held.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::Y4m(_, writer) => writer.finish()?,
            Self::Pictures(_) => {}
            #[cfg(feature = "ffmpeg")]
            Self::Foreign(_, writer) => writer.finish()?,
        }
        Ok(())
    }
}
