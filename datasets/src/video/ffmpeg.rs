//! What FFmpeg's libraries read, and video that they write without loss.

mod writer;

pub use writer::FfmpegWriter;

use std::path::Path;
use std::sync::Once;

use ffmpeg_next as ffmpeg;

use ffmpeg::codec::context::Context;
use ffmpeg::format::{self, Pixel};
use ffmpeg::software::scaling::{self, flag::Flags};
use ffmpeg::util::{chroma::Location, color, frame};
use ffmpeg::{Packet, Rational, decoder, media};

use super::{Frame, Matrix, Sampling, VideoError, VideoFormat, VideoReader};

/// Starts the libraries, and keeps them quiet: what fails comes back as an error.
fn start() -> Result<(), VideoError> {
    static QUIET: Once = Once::new();
    ffmpeg::init().map_err(|error| VideoError::header(format!("FFmpeg: {error}")))?;
    QUIET.call_once(|| ffmpeg::log::set_level(ffmpeg::log::Level::Quiet));
    Ok(())
}

/// Pixel formats that are taken as they are.
const PIXELS: [(Pixel, Sampling, u8, bool); 14] = [
    (Pixel::GRAY8, Sampling::Mono, 8, false),
    (Pixel::YUV420P, Sampling::Yuv420Left, 8, false),
    (Pixel::YUV422P, Sampling::Yuv422, 8, false),
    (Pixel::YUV444P, Sampling::Yuv444, 8, false),
    (Pixel::YUVJ420P, Sampling::Yuv420Centre, 8, true),
    (Pixel::YUVJ422P, Sampling::Yuv422, 8, true),
    (Pixel::YUVJ444P, Sampling::Yuv444, 8, true),
    (Pixel::GRAY10LE, Sampling::Mono, 10, false),
    (Pixel::YUV420P10LE, Sampling::Yuv420Left, 10, false),
    (Pixel::YUV422P10LE, Sampling::Yuv422, 10, false),
    (Pixel::YUV444P10LE, Sampling::Yuv444, 10, false),
    (Pixel::YUV420P12LE, Sampling::Yuv420Left, 12, false),
    (Pixel::YUV422P12LE, Sampling::Yuv422, 12, false),
    (Pixel::YUV444P12LE, Sampling::Yuv444, 12, false),
];

/// Reads the first video stream of a file.
pub struct FfmpegReader {
    input: format::context::Input,
    decoder: decoder::Video,
    stream: usize,
    format: VideoFormat,
    pixel: Pixel,
    /// From pixels of a kind that is not read here.
    scaler: Option<scaling::Context>,
    /// The frame that showed what the others are.
    first: Option<frame::Video>,
    /// Frames that the file says it has; 0 if it does not say.
    promised: i64,
    number: u64,
    ended: bool,
}

impl std::fmt::Debug for FfmpegReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FfmpegReader")
            .field("format", &self.format)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl FfmpegReader {
    /// Opens a file and decodes its first frame. `matrix` is taken where the file does not
    /// name one.
    ///
    /// # Errors
    /// If FFmpeg cannot read it, or it has no video.
    pub fn open(path: &Path, matrix: Option<Matrix>) -> Result<Self, VideoError> {
        start()?;
        let fault = |error: ffmpeg::Error| VideoError::header(format!("FFmpeg: {error}"));
        let input = format::input(path).map_err(fault)?;
        let stream = input.streams().best(media::Type::Video);
        let stream = stream.ok_or_else(|| VideoError::header("there is no video in it"))?;
        let (index, promised) = (stream.index(), stream.frames());
        let rate = ratio(stream.avg_frame_rate());
        let context = Context::from_parameters(stream.parameters()).map_err(fault)?;
        let decoder = context.decoder().video().map_err(fault)?;
        // Before anything as large as a frame is allocated.
        VideoFormat::check_size(decoder.width().into(), decoder.height().into())?;
        let mut reader = Self {
            input,
            decoder,
            stream: index,
            format: VideoFormat {
                width: 0,
                height: 0,
                sampling: Sampling::Yuv444,
                bits: 8,
                full_range: false,
                matrix: Matrix::default(),
                rate,
                aspect: (0, 0),
            },
            pixel: Pixel::None,
            scaler: None,
            first: None,
            promised,
            number: 0,
            ended: false,
        };
        let Some(first) = reader.decode()? else {
            return Err(VideoError::header("there is no frame in it"));
        };
        reader.describe(&first, matrix)?;
        reader.first = Some(first);
        Ok(reader)
    }

    /// Notes what the frames are.
    fn describe(&mut self, first: &frame::Video, matrix: Option<Matrix>) -> Result<(), VideoError> {
        let (width, height) = (first.width(), first.height());
        VideoFormat::check_size(width.into(), height.into())?;
        let found = PIXELS.iter().find(|row| row.0 == first.format());
        let (pixel, mut sampling, bits, jpeg) =
            *found.unwrap_or(&(Pixel::YUV444P, Sampling::Yuv444, 8, false));
        if first.chroma_location() == Location::Center && sampling == Sampling::Yuv420Left {
            sampling = Sampling::Yuv420Centre;
        }
        let named = match first.color_space() {
            color::Space::BT709 => Some(Matrix::Bt709),
            color::Space::BT470BG | color::Space::SMPTE170M => Some(Matrix::Bt601),
            color::Space::BT2020NCL => Some(Matrix::Bt2020),
            _ => None,
        };
        self.pixel = pixel;
        self.format = VideoFormat {
            width,
            height,
            sampling,
            bits,
            full_range: jpeg || first.color_range() == color::Range::JPEG,
            matrix: named.or(matrix).unwrap_or(Matrix::usual(height)),
            aspect: ratio(first.aspect_ratio()),
            ..self.format
        };
        if found.is_none() {
            let scaler = scaling::Context::get(
                first.format(),
                width,
                height,
                pixel,
                width,
                height,
                Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT,
            );
            self.scaler = Some(scaler.map_err(|error| self.fault(&error))?);
            // What swscale makes by itself.
            self.format.matrix = Matrix::Bt601;
            self.format.full_range = false;
        }
        Ok(())
    }

    fn fault(&self, error: &ffmpeg::Error) -> VideoError {
        VideoError::Frame {
            number: self.number,
            reason: format!("FFmpeg: {error}"),
        }
    }

    /// The next frame as FFmpeg has it.
    fn decode(&mut self) -> Result<Option<frame::Video>, VideoError> {
        let mut frame = frame::Video::empty();
        loop {
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => return Ok(Some(frame)),
                Err(ffmpeg::Error::Eof) => return Ok(None),
                // It wants more.
                Err(ffmpeg::Error::Other { .. }) if !self.ended => {}
                Err(ffmpeg::Error::Other { .. }) => return Ok(None),
                Err(error) => return Err(self.fault(&error)),
            }
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream => {}
                Ok(()) if packet.is_corrupt() => {
                    return Err(VideoError::Frame {
                        number: self.number,
                        reason: "the file ends within it, or is damaged there".to_owned(),
                    });
                }
                Ok(()) => {
                    let sent = self.decoder.send_packet(&packet);
                    sent.map_err(|error| self.fault(&error))?;
                }
                Err(ffmpeg::Error::Eof) => {
                    self.ended = true;
                    let sent = self.decoder.send_eof();
                    sent.map_err(|error| self.fault(&error))?;
                }
                Err(error) => return Err(self.fault(&error)),
            }
        }
    }

    fn planes(&mut self, mut frame: frame::Video) -> Result<Frame, VideoError> {
        let VideoFormat { width, height, .. } = self.format;
        if (frame.width(), frame.height()) != (width, height) {
            return Err(VideoError::Frame {
                number: self.number,
                reason: format!(
                    "it has {}x{} pixels, those before it {width}x{height}",
                    frame.width(),
                    frame.height()
                ),
            });
        }
        if let Some(scaler) = &mut self.scaler {
            let mut scaled = frame::Video::empty();
            if let Err(error) = scaler.run(&frame, &mut scaled) {
                return Err(self.fault(&error));
            }
            frame = scaled;
        }
        if frame.format() != self.pixel {
            return Err(VideoError::Frame {
                number: self.number,
                reason: "its pixels are of another kind than those before it".to_owned(),
            });
        }
        let plane = |i: usize| -> Vec<u16> {
            let (w, h) = self.format.plane_size(i);
            let (data, stride) = (frame.data(i), frame.stride(i));
            let rows = data.chunks(stride.max(1)).take(h);
            if self.format.bits > 8 {
                let pairs = rows.flat_map(|row| row.as_chunks::<2>().0.iter().take(w));
                pairs.map(|&pair| u16::from_le_bytes(pair)).collect()
            } else {
                rows.flat_map(|row| row.iter().take(w))
                    .map(|&b| b.into())
                    .collect()
            }
        };
        Ok(Frame {
            planes: (0..self.format.sampling.planes()).map(plane).collect(),
        })
    }
}

impl VideoReader for FfmpegReader {
    fn format(&self) -> &VideoFormat {
        &self.format
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, VideoError> {
        let frame = match self.first.take() {
            Some(frame) => Some(frame),
            None => self.decode()?,
        };
        let Some(frame) = frame else {
            // FFmpeg takes what it can get of a file that was cut.
            let promised = self.promised.max(0) as u64;
            if self.number < promised {
                return Err(VideoError::Frame {
                    number: self.number,
                    reason: format!("the file ends before it, and says that it has {promised}"),
                });
            }
            return Ok(None);
        };
        let frame = self.planes(frame)?;
        self.number += 1;
        Ok(Some(frame))
    }
}

fn ratio(rational: Rational) -> (u32, u32) {
    let part = |v: i32| u32::try_from(v).unwrap_or(0);
    match (part(rational.numerator()), part(rational.denominator())) {
        (0, _) | (_, 0) => (0, 0),
        ratio => ratio,
    }
}
