//! Video that FFmpeg's libraries write without loss.

use std::path::Path;

use ffmpeg_next as ffmpeg;

use ffmpeg::codec::{self, context::Context, encoder};
use ffmpeg::format::{self, Pixel};
use ffmpeg::util::{color, frame};
use ffmpeg::{Dictionary, Packet, Rational};

use super::{PIXELS, start};
use crate::video::{Frame, Matrix, Sampling, VideoError, VideoFormat};

/// Writes video without loss: FFV1 in .mkv, H.264 in .mp4 and .mov.
pub struct FfmpegWriter {
    output: format::context::Output,
    encoder: encoder::Video,
    format: VideoFormat,
    pixel: Pixel,
    /// Of a frame.
    time_base: Rational,
    number: i64,
}

impl std::fmt::Debug for FfmpegWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FfmpegWriter")
            .field("format", &self.format)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl FfmpegWriter {
    /// Begins a file, whose ending says what it is.
    ///
    /// # Errors
    /// If FFmpeg lacks the encoder, or the file cannot be written.
    pub fn create(path: &Path, format: &VideoFormat) -> Result<Self, VideoError> {
        start()?;
        let fault = |error: ffmpeg::Error| VideoError::header(format!("FFmpeg: {error}"));
        let mut format = *format;
        if format.sampling == Sampling::Rgb {
            format.sampling = Sampling::Yuv444;
            format.bits = if format.bits > 8 { 10 } else { 8 };
        }
        let ffv1 = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("mkv"));
        let same = |row: &&(Pixel, Sampling, u8, bool)| {
            // Where chroma lies is not a pixel's kind.
            let sampling = match format.sampling {
                Sampling::Yuv420Centre => Sampling::Yuv420Left,
                other => other,
            };
            (row.1, row.2, row.3) == (sampling, format.bits, false)
        };
        let pixel = PIXELS.iter().find(same).map(|row| row.0);
        let pixel = pixel.ok_or_else(|| {
            VideoError::header(format!(
                "frames of {} bits are not written here",
                format.bits
            ))
        })?;
        let codec = if ffv1 {
            encoder::find(codec::Id::FFV1)
        } else {
            encoder::find_by_name("libx264")
        };
        let codec = codec.ok_or_else(|| VideoError::header("this FFmpeg lacks the encoder"))?;
        let mut output = format::output(path).map_err(fault)?;
        let global = output
            .format()
            .flags()
            .contains(format::Flags::GLOBAL_HEADER);
        let (above, below) = if format.rate.0 == 0 {
            (25, 1)
        } else {
            format.rate
        };
        let rate = Rational(above as i32, below as i32);
        let context = Context::new_with_codec(codec);
        let mut video = context.encoder().video().map_err(fault)?;
        video.set_width(format.width);
        video.set_height(format.height);
        video.set_format(pixel);
        video.set_time_base(rate.invert());
        video.set_frame_rate(Some(rate));
        if format.aspect.0 > 0 {
            video.set_aspect_ratio(Rational(format.aspect.0 as i32, format.aspect.1 as i32));
        }
        video.set_colorspace(match format.matrix {
            Matrix::Bt601 => color::Space::SMPTE170M,
            Matrix::Bt709 => color::Space::BT709,
            Matrix::Bt2020 => color::Space::BT2020NCL,
        });
        video.set_color_range(if format.full_range {
            color::Range::JPEG
        } else {
            color::Range::MPEG
        });
        if global {
            video.set_flags(codec::Flags::GLOBAL_HEADER);
        }
        let mut options = Dictionary::new();
        if !ffv1 {
            options.set("qp", "0");
            options.set("preset", "veryfast");
        }
        let encoder = video.open_with(options).map_err(fault)?;
        let mut stream = output.add_stream(codec).map_err(fault)?;
        stream.set_parameters(&encoder);
        stream.set_time_base(rate.invert());
        stream.set_avg_frame_rate(rate);
        output.write_header().map_err(fault)?;
        Ok(Self {
            output,
            encoder,
            format,
            pixel,
            time_base: rate.invert(),
            number: 0,
        })
    }

    /// What frames it takes.
    pub fn format(&self) -> &VideoFormat {
        &self.format
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// If FFmpeg fails.
    pub fn write(&mut self, frame: &Frame) -> Result<(), VideoError> {
        let (width, height) = (self.format.width, self.format.height);
        let mut video = frame::Video::new(self.pixel, width, height);
        for (i, plane) in frame.planes.iter().enumerate() {
            let (w, _) = self.format.plane_size(i);
            let stride = video.stride(i);
            let rows = video.data_mut(i).chunks_mut(stride.max(1));
            for (row, samples) in rows.zip(plane.chunks_exact(w)) {
                if self.format.bits > 8 {
                    let pairs = row.as_chunks_mut::<2>().0.iter_mut();
                    pairs.zip(samples).for_each(|(to, v)| *to = v.to_le_bytes());
                } else {
                    row.iter_mut()
                        .zip(samples)
                        .for_each(|(to, &v)| *to = v.min(255) as u8);
                }
            }
        }
        video.set_pts(Some(self.number));
        let sent = self.encoder.send_frame(&video);
        sent.map_err(|error| self.fault(&error))?;
        self.number += 1;
        self.drain()
    }

    fn fault(&self, error: &ffmpeg::Error) -> VideoError {
        VideoError::Frame {
            number: self.number.max(0) as u64,
            reason: format!("FFmpeg: {error}"),
        }
    }

    fn drain(&mut self) -> Result<(), VideoError> {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            packet.set_stream(0);
            if let Some(stream) = self.output.stream(0) {
                packet.rescale_ts(self.time_base, stream.time_base());
            }
            let written = packet.write_interleaved(&mut self.output);
            written.map_err(|error| self.fault(&error))?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If FFmpeg fails.
    pub fn finish(mut self) -> Result<(), VideoError> {
        let sent = self.encoder.send_eof();
        sent.map_err(|error| self.fault(&error))?;
        self.drain()?;
        let ended = self.output.write_trailer();
        ended.map_err(|error| self.fault(&error))
    }
}
