use super::*;

pub(super) fn format(width: u32, height: u32, sampling: Sampling, bits: u8) -> VideoFormat {
    VideoFormat {
        width,
        height,
        sampling,
        bits,
        full_range: false,
        matrix: Matrix::Bt601,
        rate: (30_000, 1001),
        aspect: (1, 1),
    }
}

/// A smooth frame inside the range.
pub(super) fn smooth(format: &VideoFormat) -> Frame {
    let unit = 1u16 << (format.bits - 8);
    let plane = |p: usize| -> Vec<u16> {
        let (w, h) = format.plane_size(p);
        (0..w * h)
            .map(|i| {
                let (x, y) = ((i % w) as f64, (i / w) as f64);
                let v = 120.0 + 12.0 * ((x + 3.0 * p as f64) * 0.2).sin() + 9.0 * (y * 0.15).cos();
                v as u16 * unit
            })
            .collect()
    };
    Frame {
        planes: (0..format.sampling.planes()).map(plane).collect(),
    }
}

#[test]
fn y4m_comes_back_as_it_was() {
    for sampling in [
        Sampling::Mono,
        Sampling::Yuv444,
        Sampling::Yuv422,
        Sampling::Yuv420Left,
        Sampling::Yuv420Centre,
    ] {
        for bits in [8, 10] {
            for (width, height) in [(1, 1), (17, 9), (32, 24)] {
                let mut format = format(width, height, sampling, bits);
                if bits > 8 && sampling == Sampling::Yuv420Centre {
                    // The names of deeper frames do not say.
                    continue;
                }
                format.full_range = width == 17;
                let frame = smooth(&format);
                let mut file = Vec::new();
                let mut writer = Y4mWriter::new(&mut file, format).unwrap();
                writer.write(&frame).unwrap();
                writer.write(&frame).unwrap();
                writer.finish().unwrap();
                let mut reader = Y4mReader::new(&file[..], None).unwrap();
                assert_eq!(*reader.format(), format);
                for _ in 0..2 {
                    assert_eq!(reader.next_frame().unwrap().as_ref(), Some(&frame));
                }
                assert_eq!(reader.next_frame().unwrap(), None);
            }
        }
    }
}

#[test]
fn colours_survive_the_way_to_rgb_and_back() {
    for (sampling, off) in [
        (Sampling::Mono, 0),
        (Sampling::Rgb, 0),
        (Sampling::Yuv444, 0),
        (Sampling::Yuv422, 1),
        (Sampling::Yuv420Left, 1),
        (Sampling::Yuv420Centre, 1),
    ] {
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            for full_range in [false, true] {
                for (bits, size) in [(8, (40, 30)), (10, (33, 27))] {
                    let mut format = format(size.0, size.1, sampling, bits);
                    (format.matrix, format.full_range) = (matrix, full_range);
                    let frame = smooth(&format);
                    let rgb = format.to_rgb(&frame);
                    assert_eq!(rgb.len(), (size.0 * size.1) as usize * format.channels());
                    let back = format.from_rgb(&rgb);
                    // A level of 8 bits where filters smooth chroma.
                    let most = off << (bits - 8);
                    for (plane, (a, b)) in frame.planes.iter().zip(&back.planes).enumerate() {
                        assert_eq!(a.len(), b.len());
                        let furthest = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
                        let most = if plane == 0 { 0 } else { most };
                        assert!(
                            furthest <= Some(most),
                            "{format:?} plane {plane} {furthest:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Against ITU-R BT.601 and BT.709 colour bars of 75 %, limited range.
#[test]
fn known_colours_are_what_standards_say() {
    let cases = [
        (Matrix::Bt601, [65, 100, 212], [191, 0, 0]),
        (Matrix::Bt601, [112, 72, 58], [0, 191, 0]),
        (Matrix::Bt709, [51, 109, 212], [191, 0, 0]),
        (Matrix::Bt709, [28, 212, 120], [0, 0, 191]),
    ];
    for (matrix, yuv, rgb) in cases {
        let mut format = format(1, 1, Sampling::Yuv444, 8);
        format.matrix = matrix;
        let frame = Frame {
            planes: yuv.map(|v| vec![v]).to_vec(),
        };
        for (found, expected) in format.to_rgb(&frame).iter().zip(rgb) {
            let found = (i32::from(*found) + 128) / 257;
            // The bars are rounded to whole levels themselves.
            assert!((found - expected).abs() <= 1, "{matrix:?} {yuv:?}: {found}");
        }
    }
}

#[test]
fn lying_headers_are_refused_in_one_line() {
    for (header, says) in [
        ("", "does not begin with YUV4MPEG2"),
        ("P5 3 3\n", "does not begin with YUV4MPEG2"),
        ("YUV4MPEG2 W4 H4", "ends within a line"),
        ("YUV4MPEG2 W0 H4\n", "frames of 0x4 pixels"),
        ("YUV4MPEG2 W4\n", "frames of 4x0 pixels"),
        (
            "YUV4MPEG2 W18446744073709551615 H18446744073709551615\n",
            "sides must be",
        ),
        ("YUV4MPEG2 W65536 H65536\n", "pixels are the limit"),
        ("YUV4MPEG2 W-4 H4\n", "is not a number"),
        ("YUV4MPEG2 W4 H4 F25\n", "is not a ratio"),
        ("YUV4MPEG2 W4 H4 It\n", "interlaced"),
        ("YUV4MPEG2 W4 H4 C411\n", "C411 are not read"),
        ("YUV4MPEG2 W4 H4 C420p99\n", "C420p99 are not read"),
    ] {
        let error = Y4mReader::new(header.as_bytes(), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{error}");
    }
    let endless = vec![b'Y'; 1 << 20];
    assert!(Y4mReader::new(&endless[..], None).is_err());
}

#[test]
fn frames_that_are_not_there_are_named() {
    let header = "YUV4MPEG2 W4 H4 Cmono\n";
    let two = format!("{header}FRAME\n{}FRAME\n{}", "a".repeat(16), "b".repeat(9));
    let mut reader = Y4mReader::new(two.as_bytes(), None).unwrap();
    assert!(reader.next_frame().unwrap().is_some());
    let error = reader.next_frame().unwrap_err().to_string();
    assert!(
        error.starts_with("frame 1: ") && error.contains("9 of 16"),
        "{error}"
    );
    let lost = format!("{header}FRAMED\n{}", "a".repeat(16));
    let mut reader = Y4mReader::new(lost.as_bytes(), None).unwrap();
    assert!(reader.next_frame().is_err());
    // A header that promises more than comes costs what comes.
    let huge = "YUV4MPEG2 W8000 H8000 C444p16\nFRAME\nabc";
    let mut reader = Y4mReader::new(huge.as_bytes(), None).unwrap();
    assert!(reader.next_frame().is_err());
    let deep = "YUV4MPEG2 W1 H1 Cmono10\nFRAME\n\u{1}\u{7f}";
    let mut reader = Y4mReader::new(deep.as_bytes(), None).unwrap();
    let error = reader.next_frame().unwrap_err().to_string();
    assert!(error.contains("a sample of 32513"), "{error}");
}

#[test]
fn numbered_pictures_come_back() {
    let folder = tempfile::tempdir().unwrap();
    for (grey, deep) in [(false, false), (true, false), (false, true)] {
        let name = format!("{grey}{deep}-%03d.png");
        let pattern = folder.path().join(name);
        let mut writer = PictureWriter::new(&pattern, (5, 3), grey, deep).unwrap();
        let channels = if grey { 1 } else { 3 };
        let pictures = [11u16, 200].map(|v| {
            let step = if deep { 1 } else { 257 };
            (0..15 * channels)
                .map(|i| (v + i) * step)
                .collect::<Vec<u16>>()
        });
        for picture in &pictures {
            writer.write(picture).unwrap();
        }
        let mut reader = NumberedPictures::open(&pattern, (24, 1)).unwrap();
        let format = *reader.format();
        assert_eq!(format.bits, if deep { 16 } else { 8 });
        for picture in &pictures {
            let frame = reader.next_frame().unwrap().unwrap();
            assert_eq!(format.to_rgb(&frame), *picture);
        }
        assert!(reader.next_frame().unwrap().is_none());
    }
    let none = folder.path().join("none-%d.png");
    let error = NumberedPictures::open(&none, (1, 1))
        .unwrap_err()
        .to_string();
    assert!(error.contains("none-0.png"), "{error}");
    assert!(!is_pattern(std::path::Path::new("a%.png")));
    assert!(is_pattern(std::path::Path::new("a%04d.png")));
}
