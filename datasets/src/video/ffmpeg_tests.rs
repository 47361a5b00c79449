use std::path::Path;

use super::tests::{format, smooth};
use super::*;

fn all(reader: &mut dyn VideoReader) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(frame);
    }
    frames
}

#[test]
fn what_ffmpeg_writes_without_loss_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sampling, bits) in [
        ("a.mkv", Sampling::Yuv420Left, 8),
        ("b.mkv", Sampling::Yuv444, 10),
        ("c.mkv", Sampling::Mono, 8),
        ("d.mp4", Sampling::Yuv420Left, 8),
        ("e.mp4", Sampling::Yuv444, 8),
        ("f.mkv", Sampling::Yuv422, 8),
    ] {
        let path = folder.path().join(name);
        let format = VideoFormat {
            matrix: Matrix::Bt709,
            ..format(50, 34, sampling, bits)
        };
        let one = smooth(&format);
        let other = Frame {
            planes: one
                .planes
                .iter()
                .map(|plane| plane.iter().map(|v| v + 3).collect())
                .collect(),
        };
        let written = [one.clone(), other, one];
        let mut writer = FfmpegWriter::create(&path, &format).unwrap();
        for frame in &written {
            writer.write(frame).unwrap();
        }
        writer.finish().unwrap();
        let mut reader = FfmpegReader::open(&path, None).unwrap();
        let found = *reader.format();
        assert_eq!(
            (found.width, found.height, found.sampling, found.bits),
            (50, 34, sampling, bits),
            "{name}"
        );
        if sampling != Sampling::Mono {
            assert_eq!((found.matrix, found.full_range), (Matrix::Bt709, false));
        }
        let rate = |(a, b): (u32, u32)| f64::from(a) / f64::from(b);
        assert!(
            (rate(found.rate) - rate(format.rate)).abs() < 0.05,
            "{found:?}"
        );
        assert!(all(&mut reader) == written, "{name}");
    }
}

#[test]
fn a_file_that_was_cut_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let format = format(64, 64, Sampling::Yuv420Left, 8);
    let mut writer = FfmpegWriter::create(&path, &format).unwrap();
    for t in 0..40u16 {
        let mut frame = smooth(&format);
        let noise = |(i, v): (usize, &mut u16)| *v += (i as u16).wrapping_mul(7919) % (t + 2);
        frame.planes[0].iter_mut().enumerate().for_each(noise);
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
    let whole = std::fs::read(&path).unwrap();
    for part in [0, 7, whole.len() / 2] {
        std::fs::write(&path, &whole[..part]).unwrap();
        let error = read_all(&path).unwrap_err().to_string();
        assert!(!error.contains('\n') && !error.is_empty(), "{error}");
    }
    std::fs::write(&path, "no video").unwrap();
    assert!(read_all(&path).is_err());
}

fn read_all(path: &Path) -> Result<usize, VideoError> {
    let mut reader = FfmpegReader::open(path, None)?;
    let mut count = 0;
    while reader.next_frame()?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// A file of another encoder, whose index is at the end, with frames out of order.
#[test]
fn a_film_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/video/lossy_bigbuckbunny_1280x720_25_132f.mp4");
    if !path.exists() {
        eprintln!("skipped: no film beside the repository");
        return;
    }
    let reader = FfmpegReader::open(&path, None).unwrap();
    let format = *reader.format();
    assert_eq!(
        (format.width, format.height, format.rate),
        (1280, 720, (25, 1))
    );
    assert_eq!(format.matrix, Matrix::Bt709);
    assert_eq!(read_all(&path).unwrap(), 132);

    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.mp4");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let error = read_all(&cut).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
}
