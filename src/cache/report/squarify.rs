//! Rectangles in proportion to sizes, as square as can be (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000). The page's own
//! script does the same when one zooms in.

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
}

/// A rectangle for each of `sizes`, which are sorted with the largest first; together they fill `room`.
pub(super) fn squarify(sizes: &[u64], room: Rect) -> Vec<Rect> {
    let total: f64 = sizes.iter().map(|size| *size as f64).sum();
    let mut rects = Vec::with_capacity(sizes.len());
    if total <= 0.0 {
        return vec![Rect { w: 0.0, h: 0.0, ..room }; sizes.len()];
    }
    let scale = room.w * room.h / total;
    let areas: Vec<f64> = sizes.iter().map(|size| *size as f64 * scale).collect();
    let (mut left, mut start) = (room, 0);
    while start < areas.len() {
        let side = left.w.min(left.h);
        let mut end = start + 1;
        let mut sum = areas.get(start).copied().unwrap_or(0.0);
        while let Some(next) = areas.get(end) {
            if worst(&areas[start..=end], sum + next, side) > worst(&areas[start..end], sum, side) {
                break;
            }
            sum += next;
            end += 1;
        }
        left = row(&areas[start..end], sum, left, &mut rects);
        start = end;
    }
    rects
}

/// How far from a square the worst of a row is.
fn worst(row: &[f64], sum: f64, side: f64) -> f64 {
    let (Some(most), Some(least)) = (row.first(), row.last()) else { return f64::INFINITY };
    if *least <= 0.0 || sum <= 0.0 || side <= 0.0 {
        return f64::INFINITY;
    }
    let square = sum * sum / (side * side);
    (most / square).max(square / least)
}

/// Lays a row along the shorter side of `left`; gives what is left then.
fn row(areas: &[f64], sum: f64, left: Rect, rects: &mut Vec<Rect>) -> Rect {
    let wide = left.w >= left.h;
    let side = left.w.min(left.h);
    let depth = if side > 0.0 { (sum / side).min(left.w.max(left.h)) } else { 0.0 };
    let mut at = 0.0;
    for area in areas {
        let length = if sum > 0.0 { side * area / sum } else { 0.0 };
        rects.push(match wide {
            true => Rect { x: left.x, y: left.y + at, w: depth, h: length },
            false => Rect { x: left.x + at, y: left.y, w: length, h: depth },
        });
        at += length;
    }
    match wide {
        true => Rect { x: left.x + depth, w: (left.w - depth).max(0.0), ..left },
        false => Rect { y: left.y + depth, h: (left.h - depth).max(0.0), ..left },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Rect = Rect { x: 0.0, y: 0.0, w: 6.0, h: 4.0 };

    #[test]
    fn the_papers_own_example_comes_out() {
        let rects = squarify(&[6, 6, 4, 3, 2, 2, 1], ROOM);
        let rounded: Vec<_> = rects.iter().map(|r| [r.x, r.y, r.w, r.h].map(|n| (n * 100.0).round() / 100.0)).collect();
        assert_eq!(rounded[0], [0.0, 0.0, 3.0, 2.0]);
        assert_eq!(rounded[1], [0.0, 2.0, 3.0, 2.0]);
        assert_eq!(rounded[2], [3.0, 0.0, 1.71, 2.33]);
        assert_eq!(rounded[3], [4.71, 0.0, 1.29, 2.33]);
    }

    proptest::proptest! {
        #[test]
        fn rectangles_fill_the_room_in_proportion(mut sizes in proptest::collection::vec(0_u64..=u64::MAX / 64, 0..40)) {
            sizes.sort_unstable_by(|one, other| other.cmp(one));
            let rects = squarify(&sizes, ROOM);
            proptest::prop_assert_eq!(rects.len(), sizes.len());
            let total: f64 = sizes.iter().map(|size| *size as f64).sum();
            for (rect, size) in rects.iter().zip(&sizes) {
                proptest::prop_assert!(rect.x >= -1e-6 && rect.y >= -1e-6 && rect.x + rect.w <= 6.0 + 1e-6 && rect.y + rect.h <= 4.0 + 1e-6);
                let wanted = if total > 0.0 { *size as f64 / total * 24.0 } else { 0.0 };
                proptest::prop_assert!((rect.w * rect.h - wanted).abs() < 1e-3, "{:?} {}", rect, wanted);
            }
        }
    }
}
