"""Does the picture follow the sound? (first core; being completed)"""

import numpy as np


def _unit(video):
    return video.astype(np.float32) / 255 if video.dtype == np.uint8 else video


def motion_energy(video):
    return np.abs(np.diff(_unit(video), axis=0)).mean((1, 2, 3))


def correlation(a, b):
    if np.std(a) < 1e-12 or np.std(b) < 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def best_lag(a, b, max_lag):
    def at(lag):
        return correlation(a[lag:], b[: len(b) - lag]) if lag >= 0 else correlation(a[:lag], b[-lag:])
    return max(((lag, at(lag)) for lag in range(-max_lag, max_lag + 1)), key=lambda x: x[1])


def difference_correlation(generated, real):
    dg, dr = np.diff(_unit(generated), axis=0), np.diff(_unit(real), axis=0)
    norm = np.sqrt((dg**2).sum() * (dr**2).sum())
    return float((dg * dr).sum() / norm) if norm > 0 else 0.0


def shifted_null(generated, real, min_shift=4):
    dg, dr = np.diff(_unit(generated), axis=0), np.diff(_unit(real), axis=0)
    norm = np.sqrt((dg**2).sum() * (dr**2).sum()) or 1.0
    return np.array([(dg * np.roll(dr, s, 0)).sum() / norm for s in range(min_shift, len(dr) - min_shift)])


def motion_ratio(generated, real):
    return float(motion_energy(generated).mean() / max(motion_energy(real).mean(), 1e-12))
