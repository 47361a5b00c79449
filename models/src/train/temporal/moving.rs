//! Crops that move over pictures: pans, zooms, turns, shaking, things that move before
//! them, changes of brightness, noise.

use std::f64::consts::{PI, TAU};

use lic_datasets::Picture;

use crate::standard::Noise;

/// Size of a sample.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames, the first one among them.
    pub frames: usize,
}

/// A uniform number in 0..1.
fn unit(noise: &mut Noise) -> f64 {
    (noise.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn between(noise: &mut Noise, low: f64, high: f64) -> f64 {
    low + (high - low) * unit(noise)
}

/// About normal, of deviation 1: the sum of twelve uniform numbers.
fn normal(noise: &mut Noise) -> f64 {
    (0..12).map(|_| unit(noise)).sum::<f64>() - 6.0
}

/// A picture under a camera that moves.
struct Layer<'a> {
    picture: &'a Picture,
    centre: [f64; 2],
    /// Pixels of the picture for a pixel of the frame.
    scale: f64,
    angle: f64,
    /// Each for a frame: pixels of the frame, a factor's logarithm, radians.
    velocity: [f64; 2],
    zoom: f64,
    turn: f64,
}

impl<'a> Layer<'a> {
    fn new(pictures: &'a [Picture], size: Size, noise: &mut Noise) -> Self {
        let picture = &pictures[(noise.next_u64() % pictures.len() as u64) as usize];
        let (w, h) = picture.pixels.dimensions();
        let fits = (f64::from(w) / f64::from(size.width))
            .min(f64::from(h) / f64::from(size.height))
            .max(1.0);
        // Most things move little; some move far.
        let speed = match unit(noise) {
            p if p < 0.25 => 0.0,
            p if p < 0.9 => -2.0 * (1.0 - unit(noise)).ln(),
            _ => between(noise, 4.0, 20.0),
        };
        let heading = between(noise, 0.0, TAU);
        let mut sometimes = |chance: f64, most: f64| {
            if unit(noise) < chance {
                between(noise, -most, most)
            } else {
                0.0
            }
        };
        Self {
            picture,
            velocity: [speed * heading.cos(), speed * heading.sin()],
            zoom: sometimes(0.4, 0.02),
            turn: sometimes(0.3, 0.01),
            angle: sometimes(0.3, PI / 8.0),
            centre: [f64::from(w), f64::from(h)].map(|side| side * between(noise, 0.35, 0.65)),
            scale: between(noise, 1.0, fits.min(2.0)),
        }
    }

    /// The colour at a place of frame `t`, measured from the frame's centre: the mean of
    /// four places, since the picture is scaled down.
    fn at(&self, x: f64, y: f64, t: f64, shake: [f64; 2]) -> [f64; 3] {
        let scale = self.scale * (self.zoom * t).exp();
        let (sin, cos) = (self.angle + self.turn * t).sin_cos();
        let mut sum = [0.0; 3];
        for (dx, dy) in [(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)] {
            let x = x + dx + self.velocity[0] * t + shake[0];
            let y = y + dy + self.velocity[1] * t + shake[1];
            let u = self.centre[0] + scale * (cos * x - sin * y);
            let v = self.centre[1] + scale * (sin * x + cos * y);
            let colour = self.bilinear(u, v);
            sum.iter_mut().zip(colour).for_each(|(s, c)| *s += c / 4.0);
        }
        sum
    }

    fn bilinear(&self, u: f64, v: f64) -> [f64; 3] {
        let (w, h) = self.picture.pixels.dimensions();
        // Pictures go on as their own mirror images.
        let mirrored = |i: i64, side: u32| {
            let side = i64::from(side);
            let i = i.rem_euclid(2 * side);
            i.min(2 * side - 1 - i) as u32
        };
        let (x, y) = (u.floor(), v.floor());
        let (fx, fy) = (u - x, v - y);
        let mut sum = [0.0; 3];
        for (dx, dy, weight) in [
            (0, 0, (1.0 - fx) * (1.0 - fy)),
            (1, 0, fx * (1.0 - fy)),
            (0, 1, (1.0 - fx) * fy),
            (1, 1, fx * fy),
        ] {
            let place = (mirrored(x as i64 + dx, w), mirrored(y as i64 + dy, h));
            let pixel = self.picture.pixels.get_pixel(place.0, place.1);
            let pairs = sum.iter_mut().zip(pixel.0);
            pairs.for_each(|(sum, v)| *sum += weight * f64::from(v));
        }
        sum
    }
}

/// Something that moves before the rest: an ellipse of another picture.
struct Thing<'a> {
    layer: Layer<'a>,
    centre: [f64; 2],
    radius: [f64; 2],
}

impl Thing<'_> {
    /// How much it covers of a place of frame `t`.
    fn covers(&self, x: f64, y: f64, t: f64) -> f64 {
        let [vx, vy] = self.layer.velocity;
        let dx = (x - self.centre[0] + vx * t) / self.radius[0];
        let dy = (y - self.centre[1] + vy * t) / self.radius[1];
        let inside = (1.0 - dx.hypot(dy)) * self.radius[0].min(self.radius[1]);
        inside.clamp(-0.5, 0.5) + 0.5
    }
}

/// Frames of a scene, RGB of 16 bits.
pub fn moving(pictures: &[Picture], size: Size, noise: &mut Noise) -> Vec<Vec<u16>> {
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    let back = Layer::new(pictures, size, noise);
    let count = match unit(noise) {
        p if p < 0.4 => 0,
        p if p < 0.8 => 1,
        _ => 2,
    };
    let things: Vec<Thing<'_>> = (0..count)
        .map(|_| Thing {
            layer: Layer::new(pictures, size, noise),
            centre: [w, h].map(|side| between(noise, -0.4, 0.4) * side),
            radius: [w, h].map(|side| between(noise, 0.1, 0.35) * side),
        })
        .collect();
    let shaking = if unit(noise) < 0.25 {
        between(noise, 0.2, 1.5)
    } else {
        0.0
    };
    let brighter = if unit(noise) < 0.2 {
        between(noise, -0.03, 0.03)
    } else {
        0.0
    };
    let grain = if unit(noise) < 0.4 {
        between(noise, 0.3, 4.0)
    } else {
        0.0
    };
    (0..size.frames)
        .map(|t| {
            let t = t as f64;
            let shake = [shaking * normal(noise), shaking * normal(noise)];
            let mut frame = Vec::with_capacity((size.width * size.height * 3) as usize);
            for row in 0..size.height {
                for column in 0..size.width {
                    let x = f64::from(column) + 0.5 - w / 2.0;
                    let y = f64::from(row) + 0.5 - h / 2.0;
                    let mut colour = back.at(x, y, t, shake);
                    for thing in &things {
                        let part = thing.covers(x, y, t);
                        if part > 0.0 {
                            let other = thing.layer.at(x, y, t, shake);
                            let pairs = colour.iter_mut().zip(other);
                            pairs.for_each(|(c, o)| *c += part * (o - *c));
                        }
                    }
                    for c in colour {
                        let grain = if grain > 0.0 {
                            grain * normal(noise)
                        } else {
                            0.0
                        };
                        let value = c * (1.0 + brighter * t) + grain;
                        // As a camera has it: whole levels.
                        frame.push(value.round().clamp(0.0, 255.0) as u16 * 257);
                    }
                }
            }
            frame
        })
        .collect()
}
