//! YUV4MPEG2, the simplest container of frames. Our own reader: the crate `y4m`
//! multiplies sides that a header gives without a check, and does not tell a file that
//! ends within a frame from one that ends after it.

use std::io::{ErrorKind, Read, Write};

use super::{Frame, Matrix, Sampling, VideoError, VideoFormat, VideoReader};

/// The longest line that is read, in bytes.
const MAX_LINE: usize = 1024;

/// Reads frames.
#[derive(Debug)]
pub struct Y4mReader<R> {
    reader: R,
    format: VideoFormat,
    number: u64,
    bytes: Vec<u8>,
}

impl<R: Read> Y4mReader<R> {
    /// Reads the header from `reader`, which should be buffered. `matrix` is taken where
    /// the file does not name one; if it is `None` too, what is usual for the size.
    ///
    /// # Errors
    /// If the input is not y4m, or of a kind that is not read.
    pub fn new(mut reader: R, matrix: Option<Matrix>) -> Result<Self, VideoError> {
        let line = line(&mut reader)?.unwrap_or_default();
        let format = header(&line, matrix)?;
        Ok(Self {
            reader,
            format,
            number: 0,
            bytes: Vec::new(),
        })
    }

    /// Takes the frame rate to be another than the file says.
    pub fn set_rate(&mut self, rate: (u32, u32)) {
        self.format.rate = rate;
    }

    fn fault(&self, reason: impl Into<String>) -> VideoError {
        VideoError::Frame {
            number: self.number,
            reason: reason.into(),
        }
    }

    fn plane(&mut self, plane: usize) -> Result<Vec<u16>, VideoError> {
        let (w, h) = self.format.plane_size(plane);
        let wide = self.format.bits > 8;
        let length = (w * h) << usize::from(wide);
        // Grows with what arrives: a size costs nothing by itself.
        self.bytes.clear();
        let mut input = self.reader.by_ref().take(length as u64);
        input.read_to_end(&mut self.bytes)?;
        if self.bytes.len() < length {
            return Err(self.fault(format!(
                "the file ends within it: {} of {length} bytes of plane {plane}",
                self.bytes.len()
            )));
        }
        if !wide {
            return Ok(self.bytes.iter().map(|&b| b.into()).collect());
        }
        let pairs = self.bytes.as_chunks::<2>().0.iter();
        let samples: Vec<u16> = pairs.map(|&pair| u16::from_le_bytes(pair)).collect();
        let max = self.format.max();
        if let Some(sample) = samples.iter().find(|&&sample| sample > max) {
            return Err(self.fault(format!("a sample of {sample}, the limit is {max}")));
        }
        Ok(samples)
    }
}

impl<R: Read> VideoReader for Y4mReader<R> {
    fn format(&self) -> &VideoFormat {
        &self.format
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, VideoError> {
        let Some(line) = line(&mut self.reader)? else {
            return Ok(None);
        };
        let parameters = line.strip_prefix(b"FRAME".as_slice());
        if parameters.is_none_or(|rest| rest.first().is_some_and(|&b| b != b' ')) {
            return Err(self.fault("the line FRAME is not where it should be"));
        }
        let planes = (0..self.format.sampling.planes()).map(|plane| self.plane(plane));
        let planes = planes.collect::<Result<_, _>>()?;
        self.number += 1;
        Ok(Some(Frame { planes }))
    }
}

/// A line without its end; `None` if the input ends before it begins.
fn line(reader: &mut impl Read) -> Result<Option<Vec<u8>>, VideoError> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match reader.read_exact(&mut byte) {
            Ok(()) if byte == *b"\n" => return Ok(Some(line)),
            Ok(()) => line.extend(byte),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        }
        if line.len() >= MAX_LINE {
            return Err(VideoError::header(format!(
                "not a y4m file: a line is longer than {MAX_LINE} bytes"
            )));
        }
    }
    if line.is_empty() {
        return Ok(None);
    }
    Err(VideoError::header("not a y4m file: it ends within a line"))
}

fn header(line: &[u8], matrix: Option<Matrix>) -> Result<VideoFormat, VideoError> {
    let Some(fields) = line.strip_prefix(b"YUV4MPEG2".as_slice()) else {
        return Err(VideoError::header(
            "not a y4m file: it does not begin with YUV4MPEG2",
        ));
    };
    let (mut width, mut height) = (0, 0);
    let (mut rate, mut aspect) = ((0, 0), (0, 0));
    let (mut colour, mut full_range) = ("420jpeg".to_owned(), false);
    for field in fields.split(|&b| b == b' ').filter(|f| !f.is_empty()) {
        let text = String::from_utf8_lossy(&field[1..]).into_owned();
        let number = |what: &str| {
            text.parse()
                .map_err(|_| VideoError::header(format!("y4m: {what} {text:?} is not a number")))
        };
        match field[0] {
            b'W' => width = number("the width")?,
            b'H' => height = number("the height")?,
            b'F' => rate = ratio(&text)?,
            b'A' => aspect = ratio(&text)?,
            b'I' if !matches!(text.as_str(), "p" | "?" | "") => {
                return Err(VideoError::header(format!(
                    "y4m: interlaced frames (I{text}) are not read; deinterlace them first"
                )));
            }
            b'C' => colour = text,
            b'X' if text == "COLORRANGE=FULL" => full_range = true,
            // Comments and other extensions.
            _ => {}
        }
    }
    let (width, height) = VideoFormat::check_size(width, height)?;
    let (sampling, bits) = colour_space(&colour)?;
    Ok(VideoFormat {
        width,
        height,
        sampling,
        bits,
        full_range,
        matrix: matrix.unwrap_or(Matrix::usual(height)),
        rate,
        aspect,
    })
}

fn ratio(text: &str) -> Result<(u32, u32), VideoError> {
    let parts = text.split_once(':');
    let parsed = parts.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parsed.ok_or_else(|| VideoError::header(format!("y4m: {text:?} is not a ratio A:B")))
}

fn colour_space(name: &str) -> Result<(Sampling, u8), VideoError> {
    let unknown = || {
        VideoError::header(format!(
            "y4m: frames of the kind C{name} are not read; there are mono, 420, 420jpeg, \
             420mpeg2, 420paldv, 422 and 444, with p10, p12, p14 or p16 for more bits"
        ))
    };
    if let Some(bits) = name.strip_prefix("mono") {
        let bits = if bits.is_empty() { "8" } else { bits };
        return Ok((Sampling::Mono, deep(bits).ok_or_else(unknown)?));
    }
    let (kind, bits) = name.split_once('p').unwrap_or((name, "8"));
    let plain = match name {
        "420jpeg" => Some(Sampling::Yuv420Centre),
        "420paldv" | "420mpeg2" | "420" => Some(Sampling::Yuv420Left),
        "422" => Some(Sampling::Yuv422),
        "444" => Some(Sampling::Yuv444),
        _ => None,
    };
    if let Some(sampling) = plain {
        return Ok((sampling, 8));
    }
    let sampling = match kind {
        "420" => Sampling::Yuv420Left,
        "422" => Sampling::Yuv422,
        "444" => Sampling::Yuv444,
        _ => return Err(unknown()),
    };
    let bits = deep(bits).filter(|&bits| bits > 8);
    Ok((sampling, bits.ok_or_else(unknown)?))
}

/// Bits of a sample, if they are of a kind that there is.
fn deep(bits: &str) -> Option<u8> {
    let bits: u8 = bits.parse().ok()?;
    [8, 9, 10, 12, 14, 16].contains(&bits).then_some(bits)
}

/// Writes frames.
#[derive(Debug)]
pub struct Y4mWriter<W> {
    writer: W,
    format: VideoFormat,
}

impl<W: Write> Y4mWriter<W> {
    /// Writes the header. Red, green and blue are not of y4m: give a `format` with
    /// chroma.
    ///
    /// # Errors
    /// If the output fails, or the format has no name in y4m.
    pub fn new(mut writer: W, format: VideoFormat) -> Result<Self, VideoError> {
        let bits = format.bits;
        let deep = |name: &str| match bits {
            8 => name.to_owned(),
            _ => format!("{name}p{bits}"),
        };
        let colour = match format.sampling {
            Sampling::Mono if bits == 8 => "mono".to_owned(),
            Sampling::Mono => format!("mono{bits}"),
            Sampling::Yuv444 => deep("444"),
            Sampling::Yuv422 => deep("422"),
            Sampling::Yuv420Left if bits == 8 => "420mpeg2".to_owned(),
            Sampling::Yuv420Centre if bits == 8 => "420jpeg".to_owned(),
            Sampling::Yuv420Left | Sampling::Yuv420Centre => deep("420"),
            Sampling::Rgb => {
                let reason = "y4m has no frames of red, green and blue";
                return Err(VideoError::header(reason));
            }
        };
        let (width, height) = (format.width, format.height);
        let (rate, aspect) = (format.rate, format.aspect);
        // A player needs some rate.
        let rate = if rate.1 == 0 { (25, 1) } else { rate };
        let range = if format.full_range { "FULL" } else { "LIMITED" };
        writeln!(
            writer,
            "YUV4MPEG2 W{width} H{height} F{}:{} Ip A{}:{} C{colour} XCOLORRANGE={range}",
            rate.0, rate.1, aspect.0, aspect.1
        )?;
        Ok(Self { writer, format })
    }

    /// Writes a frame, whose planes have the sizes of the format.
    ///
    /// # Errors
    /// If the output fails.
    pub fn write(&mut self, frame: &Frame) -> Result<(), VideoError> {
        self.writer.write_all(b"FRAME\n")?;
        for plane in &frame.planes {
            let bytes: Vec<u8> = if self.format.bits > 8 {
                plane.iter().flat_map(|v| v.to_le_bytes()).collect()
            } else {
                plane.iter().map(|&v| v.min(255) as u8).collect()
            };
            self.writer.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Writes what is still held.
    ///
    /// # Errors
    /// If the output fails.
    pub fn finish(mut self) -> Result<(), VideoError> {
        Ok(self.writer.flush()?)
    }
}
