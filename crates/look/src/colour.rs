//! The tenant's colour: what can be read on it, and its shades that can be read on a light or on a
//! dark ground (WCAG 2.2, 1.4.3: a contrast of 4.5).

use std::fmt;

/// A colour of the sRGB space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self([part(0)?, part(2)?, part(4)?]))
    }

    /// Black or white, whichever reads better on it.
    pub fn text(self) -> Self {
        if contrast(self, WHITE) >= contrast(self, BLACK) {
            WHITE
        } else {
            BLACK
        }
    }

    /// The nearest shade, darker, that reads on a light ground.
    pub fn on_light(self) -> Self {
        self.towards(BLACK, LIGHT_GROUND)
    }

    /// The nearest shade, lighter, that reads on a dark ground.
    pub fn on_dark(self) -> Self {
        self.towards(WHITE, DARK_GROUND)
    }

    fn towards(self, end: Self, ground: Self) -> Self {
        let shades = (0..=20).map(|step| self.mixed(end, step));
        let mut readable = shades.filter(|shade| contrast(*shade, ground) >= READABLE);
        readable.next().unwrap_or(end)
    }

    /// With so many twentieths of another.
    fn mixed(self, other: Self, twentieths: u16) -> Self {
        let mut mixed = self.0;
        for (own, other) in mixed.iter_mut().zip(other.0) {
            let sum = u16::from(*own) * (20 - twentieths) + u16::from(other) * twentieths;
            *own = u8::try_from(sum / 20).expect("a mean of two bytes is one");
        }
        Self(mixed)
    }

    /// How bright it looks (WCAG 2.2, relative luminance).
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl Default for Colour {
    fn default() -> Self {
        Self([0x2f, 0x55, 0xd4])
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

fn contrast(one: Colour, other: Colour) -> f64 {
    let (one, other) = (one.luminance() + 0.05, other.luminance() + 0.05);
    one.max(other) / one.min(other)
}

const READABLE: f64 = 4.5;
const WHITE: Colour = Colour([0xff; 3]);
const BLACK: Colour = Colour([0; 3]);
/// The darker of the stylesheet's light grounds, and the lighter of its dark ones.
const LIGHT_GROUND: Colour = Colour([0xf4, 0xf5, 0xf7]);
const DARK_GROUND: Colour = Colour([0x24, 0x27, 0x2f]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_can_be_read() {
        for text in [
            "#ffffff", "#000000", "#ffff00", "#2f55d4", "#7f7f7f", "#ff0000", "#00ff00", "#123456",
        ] {
            let colour = Colour::parse(text).unwrap();
            assert_eq!(colour.to_string(), text);
            assert!(contrast(colour, colour.text()) >= READABLE, "{text}");
            assert!(
                contrast(colour.on_light(), LIGHT_GROUND) >= READABLE,
                "{text}"
            );
            assert!(
                contrast(colour.on_dark(), DARK_GROUND) >= READABLE,
                "{text}"
            );
        }
        assert_eq!(Colour::parse("#ffffff").unwrap().text(), BLACK);
        assert_eq!(Colour::parse("#123456").unwrap().text(), WHITE);
    }

    #[test]
    fn nothing_but_six_digits_is_a_colour() {
        for text in [
            "", "#fff", "ffffff", "#ffffff;", "#fffffg", "red", "#é00000",
        ] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
