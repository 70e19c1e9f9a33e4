import { CYCLE, OUTLIERS } from './generator.ts';

export const HOW_IT_WORKS = `Each job is compared with its own past: there is no limit to set. Only runs that succeeded count; what failed is shown as
failing, whatever it took.

1. **Learning.** A job's first runs are learnt from: its usual duration, how far single runs lie from it, how the duration
   follows the number of items where runs report one (a fixed part and a part per item), how it swings over the day, and how
   far a run resembles the one before it. Outliers are weighed down, so one run that hung for an hour teaches nothing.
   From the tenth run on there is something to judge by, at first only for gross changes.
2. **Freezing.** When there is enough, and the durations neither grow nor shrink over it, the baseline is frozen. Enough is 60 runs
   of a job that runs daily or less often; others need to be seen for 3 days with 180 runs kept, or for 7 with 90. A job that
   still changes goes on learning. A frozen baseline does not follow: small steps add up until they are found.
3. **Judging.** After each run the last 2 to 24 are looked at together: is there a row of runs that ends now whose mean is too
   far from the expectation to be chance? A single run counts at most 2.4 deviations, so an outlier is not an episode; a
   job that doubled is found after 3 runs when it is even, later when its runs scatter widely. Nothing below 1.25 times
   (or 1/1.25) is reported.
4. **Episodes.** What is found is one episode, **slow** or **fast**, since a certain run. It ends when the last five runs
   together are near the usual again. **Empty** is an episode of its own: more runs in a row without any item than chance and
   the past of this job explain.

When you are paged: the evidence says what is usual for this run ("2.1 times its usual 340 ms for 1,200 items at this hour over
the last 5 runs"). If the job was meant to become slower or faster, **accept** the change: the baseline moves to the
present level at once and is learnt anew. If what was learnt is wrong (the first week was unusual), **relearn**: it starts
from nothing. Too fast is worth a look too: a job that suddenly takes a fifth of its time often does a fifth of its work.

What it does not see: changes below 1.25 times; a weekly rhythm (accept it once, or report items, which explain most of
them); anything in the runs before the tenth.`;

export const WHAT_IS_GENERATED = `Durations are generated: lognormal with deviation σ of their logarithm, ${OUTLIERS.rate * 100} % outliers (${OUTLIERS.least} to ${OUTLIERS.most} times as long, a quarter of
them as short), start times that jitter by a tenth. "Daily cycle" is a sine of ±${CYCLE.swing * 100} %, "office hours" 30 % more from 8 to 18 and 30 %
less in the night, by steps. Where the job names its time zone such a step is known to within half an hour; where it names none (or
UTC), to within an hour, since the hours of people then move by one for half of the year.`;

export const WHAT_CAN_BE_FOUND = `How much of what is missed could have been found? Beside ours stand two detectors that nobody can build. Both know what is
generated: how far runs scatter, the hours, how often outliers come and how far they lie, and that one change comes, in which direction and
in what shape. All they do not know is when. They spend all of the 2 false episodes per 1,000 runs on this one change, while ours looks for slow
and fast, sudden and creeping at once. The **learning** one has the usual duration from as many healthy runs as ours; the
**knowing** one simply knows it. What the knowing one misses is not in the data.

A drift of 3 % a day is therefore not promised within 20 days for jobs that run every six hours or less often and scatter by more than
0.2: even who knows all misses some of a daily job's from σ 0.4 on. It goes on, and so does the comparison with the frozen baseline: it is
found later. Tried on daily jobs at σ 0.3 to 0.5: thresholds that fall with the length of a row found 2 to 5 points more, for 0.5 more false
episodes per 1,000 runs; rows of up to 60 runs found 2 more, for 0.1 more; learning from 90 or 120 runs found up to 3 more. None reaches
95 %, and each costs more than the bars have left, or a month or two of learning.`;

export const WHY_THIS_ONE = `With the same frozen baselines, CUSUM is as good where runs are independent, and EWMA nearly so: what counts is the frozen
baseline, the clipped outliers and the hours. The likelihood ratio was taken because its errors can be widened for what is
known to be unsure: few runs learnt from, and neighbours that are alike, where the other two raise five times as many false
episodes. It also says since which run.`;
