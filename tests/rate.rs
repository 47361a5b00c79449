//! Rates and qualities of real files.

use lic_codec::{Effort, EncodeOptions, Index, MetadataKind, Quality, encode, measure};
use lic_models::MODELS;

use crate::{ZOO, coded, crop, decoded, kodak, open, photograph};

#[test]
fn the_file_is_what_the_model_predicts() {
    for row in MODELS {
        for quality in [1, 8, 20, 50, 80, 100] {
            let (file, report) = coded(&photograph(), row.key, quality);
            assert_eq!(report.bytes, file.len() as u64);
            let predicted = report.predicted_bits / 8.0;
            // Filters are no symbols: their bytes, checksum, and three in the header.
            let filters = match report.extra_bytes {
                0 => 0,
                bytes => bytes + 7,
            };
            let overhead = (file.len() as u64 - filters) as f64 - predicted;
            // A header of 20 bytes and, for each of five sections, at most 7 of length
            // and checksum, 3 of its first half's length, and 3.1 with which either half
            // ends; less in a small file, which is one stream.
            assert!(
                (0.0..=101.0).contains(&overhead),
                "{}: {overhead} bytes",
                row.key
            );
            // What the project promises: 1 %, or what a header and one stream take.
            assert!(
                overhead <= (0.01 * predicted).max(30.0),
                "{} at {quality}: {overhead} bytes of {predicted}",
                row.key
            );
        }
    }
}

/// By default the model for squared error has them, unless it is to be done fast.
#[test]
fn filters_are_fitted_where_they_pay() {
    let picture = crop(&photograph(), [200, 100], [250, 180]);
    for row in MODELS {
        let has_filters = |options: &EncodeOptions| {
            let mut file = Vec::new();
            encode(&picture, ZOO.open(row.key).unwrap(), options, &mut file).unwrap();
            let index = Index::read(&mut &file[..], |_| Ok(())).unwrap();
            index.header.metadata.contains(&MetadataKind::Filters)
        };
        let options = EncodeOptions::new(Quality::new(90).unwrap());
        assert_eq!(has_filters(&options), row.key == "mse", "{}", row.key);
        let fast = options.clone().effort(Effort::new(0).unwrap());
        assert!(!has_filters(&fast), "{}", row.key);
        assert!(has_filters(&fast.filters(true)), "{}", row.key);
        assert!(!has_filters(&options.filters(false)), "{}", row.key);
    }
}

/// Points of the shipped models on three pictures, as `lic bench` printed them
/// when the weights were made. Floats differ between machines, and a path of a trellis with
/// them: where products are of bfloat16, files were up to 0.42 % shorter or longer than of
/// single precision.
#[test]
fn kodak_points_stand() {
    let Some(paths) = kodak() else { return };
    for line in include_str!("rate/kodak.tsv")
        .lines()
        .filter(|l| !l.starts_with('#'))
    {
        let fields: Vec<&str> = line.split('\t').collect();
        let [key, name, quality, bytes, psnr] = fields[..] else {
            panic!("{line}")
        };
        let path = paths.iter().find(|p| p.ends_with(name)).unwrap();
        let picture = open(path);
        let (file, _) = coded(&picture, key, quality.parse().unwrap());
        let bytes: f64 = bytes.parse().unwrap();
        assert!(
            (file.len() as f64 / bytes - 1.0).abs() < 0.006,
            "{line}: {} bytes",
            file.len()
        );
        let found = measure::psnr(&picture, &decoded(&file)).unwrap();
        assert!(
            (found - psnr.parse::<f64>().unwrap()).abs() < 0.02,
            "{line}: {found:.3} dB"
        );
    }
    assert!(include_str!("rate/kodak.tsv").lines().count() > MODELS.len());
}
