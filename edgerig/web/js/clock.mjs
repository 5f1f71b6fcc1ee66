// The platform's monotonic clock, and what can be timed by it.
//
// A browser rounds `performance.now()` to steps, of 5 µs where the page is isolated and of 100 µs elsewhere (Chromium),
// so that pages cannot tell cache hits. What is shorter than STEPS of them is timed as a batch of calls, so that the
// rounding is at most a hundredth of a sample.

export const STEPS = 100;
const LOOKS = 50;
const TRIES = 3;
const FIRST_BURST_MS = 250; // as the runner on devices: edgerig/ondevice/timing.py
const BURST_GROWTH = 1.1;
const REWARMED_MS = 10;

export const now = () => performance.now();
export const ns = (ms) => Math.round(ms * 1e6);

// The least by which the clock was seen to advance, in ms: its step, or what a reading takes where that is longer.
export function step() {
  let least = Infinity;
  for (let look = 0; look < LOOKS; look += 1) {
    const before = now();
    let after = now();
    while (after === before) after = now();
    least = Math.min(least, after - before);
  }
  return least;
}

export async function once(call) {
  const start = now();
  const value = await call();
  return [now() - start, value];
}

// Calls for so long, one at least, and how many. What runs often V8 compiles a second time, better, beside the calls:
// networks of some hundredths of a millisecond took 5 to 40 % longer in their first quarter of a second.
export async function warm(call, seconds) {
  const end = now() + seconds * 1e3;
  let calls = 0;
  do {
    await call();
    calls += 1;
  } while (now() < end);
  return calls;
}

// How many calls make a sample: the least power of two that lasts STEPS steps, in the shortest of some tries.
export async function batchOf(call, stepMs) {
  for (let calls = 1; ; calls *= 2) {
    let least = Infinity;
    for (let attempt = 0; attempt < TRIES && least >= STEPS * stepMs; attempt += 1) {
      const start = now();
      for (let index = 0; index < calls; index += 1) await call();
      least = Math.min(least, now() - start);
    }
    if (least >= STEPS * stepMs) return calls;
  }
}

// Nanoseconds of a call, the mean of `batch` of them, for each sample; the rule for when it is enough is the runner's
// on devices: a minimum of runs and of seconds, and a cap. Between bursts the page does what it has put off.
export async function steady(call, batch, { min_runs, min_seconds, max_seconds }) {
  const samples = [];
  const begin = now();
  const enough = begin + min_seconds * 1e3;
  const cap = begin + max_seconds * 1e3;
  let burst = FIRST_BURST_MS;
  let pauseAt = begin + burst;
  for (;;) {
    const start = now();
    for (let index = 0; index < batch; index += 1) await call();
    const end = now();
    samples.push(Math.max(1, Math.round(((end - start) * 1e6) / batch)));
    if (end >= cap || (end >= enough && samples.length >= min_runs)) return samples;
    if (end >= pauseAt) {
      await new Promise((resume) => setTimeout(resume, 0));
      if (end - start < REWARMED_MS) await call();
      burst *= BURST_GROWTH;
      pauseAt = now() + burst;
    }
  }
}

// What two readings of the clock around nothing take, in ms, on average: the median would be 0 or a whole step.
export async function overhead() {
  const repeats = 1000;
  const nothing = () => undefined;
  const start = now();
  for (let index = 0; index < repeats; index += 1) await once(nothing);
  return (now() - start) / repeats;
}
