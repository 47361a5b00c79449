//! Frames to encode.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result};
use lic_codec::clip::{Chroma, ClipOptions, Ratio, Source};
use lic_codec::{Channels, Image};
use lic_datasets::video::{
    Frame, Matrix, NumberedPictures, Sampling, VideoFormat, VideoReader, Y4mReader, is_pattern,
};

use crate::args::Clips;
use crate::io::input_name;

/// Where frames come from, as often as they are wanted.
pub struct Input<'a> {
    path: &'a Path,
    clips: &'a Clips,
    /// What came through a pipe, if it is wanted more than once.
    spool: Option<File>,
}

impl<'a> Input<'a> {
    /// Of `path`; with `again`, it can be read more than once.
    pub fn new(path: &'a Path, clips: &'a Clips, again: bool) -> Result<Self> {
        let pipe = path == Path::new("-") || is_special(path);
        let mut input = Self {
            path,
            clips,
            spool: None,
        };
        if again && pipe {
            let name = || format!("cannot keep a copy of {}", input_name(path));
            let mut spool = tempfile::tempfile().with_context(name)?;
            let mut from = crate::io::open(path)?;
            io::copy(&mut from, &mut spool).with_context(name)?;
            spool.flush().with_context(name)?;
            input.spool = Some(spool);
        }
        Ok(input)
    }

    /// A reader that stands before the first frame.
    pub fn open(&self) -> Result<Box<dyn VideoReader>> {
        self.reader().with_context(|| input_name(self.path))
    }

    fn reader(&self) -> Result<Box<dyn VideoReader>> {
        let clips = self.clips;
        if is_pattern(self.path) {
            let rate = clips.fps.unwrap_or((25, 1));
            return Ok(Box::new(NumberedPictures::open(self.path, rate)?));
        }
        let reader: Box<dyn Read> = match &self.spool {
            Some(spool) => {
                let mut spool = spool.try_clone()?;
                spool.rewind()?;
                Box::new(BufReader::new(spool))
            }
            None if self.path != Path::new("-") && !is_special(self.path) => {
                let named = self.path.extension();
                let named = named.is_some_and(|e| e.eq_ignore_ascii_case("y4m"));
                if !named && !super::start(self.path, 9)?.starts_with(b"YUV4MPEG") {
                    return self.foreign();
                }
                crate::io::open(self.path)?
            }
            None => crate::io::open(self.path)?,
        };
        let mut reader = Y4mReader::new(reader, clips.matrix)?;
        if let Some(rate) = clips.fps {
            reader.set_rate(rate);
        }
        Ok(Box::new(reader))
    }

    /// What FFmpeg reads.
    #[cfg(feature = "ffmpeg")]
    fn foreign(&self) -> Result<Box<dyn VideoReader>> {
        let reader = lic_datasets::video::FfmpegReader::open(self.path, self.clips.matrix)?;
        Ok(Box::new(reader))
    }

    #[cfg(not(feature = "ffmpeg"))]
    fn foreign(&self) -> Result<Box<dyn VideoReader>> {
        anyhow::bail!(
            "not a y4m file, and this program was built without FFmpeg; \
             ffmpeg -i IN -f yuv4mpegpipe - | lic encode - OUT"
        )
    }

    /// What messages call it.
    pub fn name(&self) -> String {
        input_name(self.path)
    }
}

fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|there| !there.is_file())
}

/// What a codec says of frames.
pub fn describe(format: &VideoFormat, options: &mut ClipOptions) {
    let chroma = match format.sampling {
        Sampling::Mono | Sampling::Rgb => Chroma::None,
        Sampling::Yuv444 => Chroma::Yuv444,
        Sampling::Yuv422 => Chroma::Yuv422,
        Sampling::Yuv420Left => Chroma::Yuv420Left,
        Sampling::Yuv420Centre => Chroma::Yuv420Centre,
    };
    options.channels = match format.sampling {
        Sampling::Mono => Channels::Grey,
        _ => Channels::Rgb,
    };
    let ratio = |(numerator, denominator)| Ratio {
        numerator,
        denominator,
    };
    options.rate = ratio(format.rate);
    options.aspect = ratio(format.aspect);
    options.source = Source {
        chroma,
        bits: format.bits,
        full_range: format.full_range,
        primaries: 2,
        transfer: 2,
        matrix: match chroma {
            Chroma::None => 2,
            _ => format.matrix.code(),
        },
    };
}

/// The frames that a clip was made of.
pub fn format_of(header: &lic_codec::ClipHeader) -> VideoFormat {
    let source = &header.source;
    let sampling = match (source.chroma, header.channels) {
        (_, Channels::Grey) => Sampling::Mono,
        (Chroma::None, _) => Sampling::Rgb,
        (Chroma::Yuv444, _) => Sampling::Yuv444,
        (Chroma::Yuv422, _) => Sampling::Yuv422,
        (Chroma::Yuv420Left, _) => Sampling::Yuv420Left,
        (Chroma::Yuv420Centre, _) => Sampling::Yuv420Centre,
    };
    VideoFormat {
        width: header.width,
        height: header.height,
        sampling,
        bits: source.bits,
        full_range: source.full_range,
        matrix: Matrix::from_code(source.matrix).unwrap_or(Matrix::usual(header.height)),
        rate: (header.rate.numerator, header.rate.denominator),
        aspect: (header.aspect.numerator, header.aspect.denominator),
    }
}

/// A frame as a picture of 16 bits a sample.
pub fn picture(format: &VideoFormat, frame: &Frame) -> Result<Image> {
    let channels = match format.channels() {
        1 => Channels::Grey,
        _ => Channels::Rgb,
    };
    let samples = format.to_rgb(frame);
    Ok(Image::new(format.width, format.height, channels, samples)?)
}
