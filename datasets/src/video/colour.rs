//! Luma and chroma to red, green and blue, and back.

use rayon::prelude::*;

use super::{Frame, Sampling, VideoFormat};

/// Matrix coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Matrix {
    /// ITU-R BT.601.
    #[default]
    Bt601,
    /// ITU-R BT.709.
    Bt709,
    /// ITU-R BT.2020, not constant luminance.
    Bt2020,
}

impl Matrix {
    /// The code of ITU-T H.273.
    pub fn code(self) -> u8 {
        match self {
            Self::Bt601 => 6,
            Self::Bt709 => 1,
            Self::Bt2020 => 9,
        }
    }

    /// What has this code; `None` if it is not one of these.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Bt709),
            5 | 6 => Some(Self::Bt601),
            9 => Some(Self::Bt2020),
            _ => None,
        }
    }

    /// What video of this many rows has where nothing is said: BT.709 from 720 on, as
    /// players have it.
    pub fn usual(height: u32) -> Self {
        if height >= 720 {
            Self::Bt709
        } else {
            Self::Bt601
        }
    }

    /// Weights of red and of blue in luma.
    fn weights(self) -> (f32, f32) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// Offset and size of a sample's range.
struct Range {
    luma: (f32, f32),
    chroma: (f32, f32),
}

impl Range {
    fn of(format: &VideoFormat) -> Self {
        let unit = f32::from(1u16 << (format.bits - 8));
        let max = f32::from(format.max());
        let half = f32::from(1u16 << (format.bits - 1));
        if format.full_range {
            Self {
                luma: (0.0, max),
                chroma: (half, max),
            }
        } else {
            Self {
                luma: (16.0 * unit, 219.0 * unit),
                chroma: (half, 224.0 * unit),
            }
        }
    }
}

const FULL: f32 = 65_535.0;

fn sixteen(v: f32) -> u16 {
    // `as` saturates, and makes 0 of what is not a number.
    (v * FULL + 0.5) as u16
}

/// Where samples of a plane half the size lie: a mix of two of them for each place.
fn between(x: usize, centre: bool) -> [(isize, f32); 2] {
    let i = (x / 2) as isize;
    match (centre, x % 2) {
        (false, 0) => [(i, 1.0), (i, 0.0)],
        (false, _) => [(i, 0.5), (i + 1, 0.5)],
        (true, 0) => [(i, 0.75), (i - 1, 0.25)],
        (true, _) => [(i, 0.75), (i + 1, 0.25)],
    }
}

fn clamped(i: isize, length: usize) -> usize {
    i.clamp(0, length as isize - 1) as usize
}

impl VideoFormat {
    /// A frame as samples of 16 bits, those of a pixel together: red, green and blue, or
    /// luma alone.
    pub fn to_rgb(&self, frame: &Frame) -> Vec<u16> {
        let (w, channels) = (self.width as usize, self.channels());
        let mut out = vec![0; w * self.height as usize * channels];
        let max = f32::from(self.max());
        let range = Range::of(self);
        let luma = |v: u16| (f32::from(v) - range.luma.0) / range.luma.1;
        out.par_chunks_exact_mut(w * channels)
            .enumerate()
            .for_each(|(y, row)| {
                let plane = |i: usize| &frame.planes[i][y * w..][..w];
                match self.sampling {
                    Sampling::Mono => {
                        for (to, &v) in row.iter_mut().zip(plane(0)) {
                            *to = sixteen(luma(v));
                        }
                    }
                    Sampling::Rgb => {
                        for (x, rgb) in row.chunks_exact_mut(3).enumerate() {
                            for (c, to) in rgb.iter_mut().enumerate() {
                                *to = sixteen(f32::from(plane(c)[x]) / max);
                            }
                        }
                    }
                    _ => {
                        let chroma = |v: f32| (v - range.chroma.0) / range.chroma.1;
                        let [u, v] = [1, 2].map(|i| self.chroma_row(frame, i, y));
                        let (kr, kb) = self.matrix.weights();
                        for (x, rgb) in row.chunks_exact_mut(3).enumerate() {
                            let l = luma(plane(0)[x]);
                            let (u, v) = (chroma(u[x]), chroma(v[x]));
                            let (r, b) = (l + 2.0 * (1.0 - kr) * v, l + 2.0 * (1.0 - kb) * u);
                            let g = (l - kr * r - kb * b) / (1.0 - kr - kb);
                            rgb.copy_from_slice(&[r, g, b].map(sixteen));
                        }
                    }
                }
            });
        out
    }

    /// A row of chroma at every pixel, in samples.
    fn chroma_row(&self, frame: &Frame, plane: usize, y: usize) -> Vec<f32> {
        let (cw, ch) = self.plane_size(plane);
        let samples = &frame.planes[plane];
        let (across, down) = self.sampling.shared();
        let rows = if down == 2 {
            between(y, true)
        } else {
            [(y as isize, 1.0), (y as isize, 0.0)]
        };
        let rows = rows.map(|(row, weight)| (clamped(row, ch) * cw, weight));
        let mixed = |x: usize| -> f32 {
            let mix = rows.map(|(row, weight)| f32::from(samples[row + x]) * weight);
            mix[0] + mix[1]
        };
        let narrow: Vec<f32> = (0..cw).map(mixed).collect();
        if across == 1 {
            return narrow;
        }
        let centre = self.sampling == Sampling::Yuv420Centre;
        let wide = |x: usize| {
            let mix = between(x, centre).map(|(i, weight)| narrow[clamped(i, cw)] * weight);
            mix[0] + mix[1]
        };
        (0..self.width as usize).map(wide).collect()
    }

    /// The frame of samples as [`to_rgb`](Self::to_rgb) makes them.
    pub fn from_rgb(&self, samples: &[u16]) -> Frame {
        let max = f32::from(self.max());
        let range = Range::of(self);
        let rounded =
            |v: f32, (offset, size): (f32, f32)| (v * size + offset + 0.5).clamp(0.0, max) as u16;
        let plane = |of: &(dyn Fn(&[u16]) -> u16 + Sync)| -> Vec<u16> {
            samples.par_chunks_exact(self.channels()).map(of).collect()
        };
        let unit = |v: u16| f32::from(v) / FULL;
        match self.sampling {
            Sampling::Mono => Frame {
                planes: vec![plane(&|p| rounded(unit(p[0]), range.luma))],
            },
            Sampling::Rgb => Frame {
                planes: (0..3)
                    .map(|c| plane(&move |p| rounded(unit(p[c]), (0.0, max))))
                    .collect(),
            },
            _ => {
                let (kr, kb) = self.matrix.weights();
                let luma = |p: &[u16]| {
                    let [r, g, b] = [p[0], p[1], p[2]].map(unit);
                    kr * r + (1.0 - kr - kb) * g + kb * b
                };
                let y = plane(&|p| rounded(luma(p), range.luma));
                let chroma = |c: usize, k: f32| -> Vec<u16> {
                    let pixels = samples.par_chunks_exact(3);
                    let full = pixels.map(|p| (unit(p[c]) - luma(p)) / (2.0 * (1.0 - k)));
                    let full: Vec<f32> = full.collect();
                    let fewer = self.fewer(&full);
                    fewer.iter().map(|&v| rounded(v, range.chroma)).collect()
                };
                Frame {
                    planes: vec![y, chroma(2, kb), chroma(0, kr)],
                }
            }
        }
    }

    /// Chroma of every pixel as that of the format's. The filters undo most of what
    /// interpolation smooths, and not all of it: they would sharpen what a codec made.
    fn fewer(&self, full: &[f32]) -> Vec<f32> {
        let (w, h) = (self.width as usize, self.height as usize);
        let (cw, ch) = self.plane_size(1);
        let (across, down) = self.sampling.shared();
        let (left, middle): ([f32; 3], [f32; 4]) =
            ([0.125, 0.75, 0.125], [-0.125, 0.625, 0.625, -0.125]);
        let narrow: Vec<f32> = if across == 1 {
            full.to_vec()
        } else {
            let centre = self.sampling == Sampling::Yuv420Centre;
            full.par_chunks_exact(w)
                .flat_map_iter(|row| {
                    (0..cw).map(move |i| {
                        let at = |d: isize| row[clamped(2 * i as isize + d, w)];
                        if centre {
                            (-1..).zip(middle).map(|(d, k)| at(d) * k).sum::<f32>()
                        } else {
                            (-1..).zip(left).map(|(d, k)| at(d) * k).sum::<f32>()
                        }
                    })
                })
                .collect()
        };
        if down == 1 {
            return narrow;
        }
        let mut low = vec![0.0; cw * ch];
        low.par_chunks_exact_mut(cw)
            .enumerate()
            .for_each(|(j, row)| {
                for (d, k) in (-1..).zip(middle) {
                    let from = clamped(2 * j as isize + d, h) * cw;
                    let pairs = row.iter_mut().zip(&narrow[from..from + cw]);
                    pairs.for_each(|(to, v)| *to += v * k);
                }
            });
        low
    }
}
