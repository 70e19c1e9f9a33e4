const FIELDS = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { min: 0, max: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
] as const;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/**
 * What `OnCalendar=` of systemd says for a schedule of cron. Where both a day of the month and one of the week are given,
 * cron means either, which takes two lines.
 *
 * @param cron five fields that were checked
 * @see systemd.time(7)
 * @example
 * onCalendar('0 5 1 1,4 *') // ['*-01,04-01 05:00:00 UTC']
 */
export function onCalendar(cron: string): string[] {
  const parts = cron.trim().split(/\s+/);
  const [minutes = [], hours = [], days = [], months = [], weekdays = []] = FIELDS.map((field, i) =>
    expand(parts[i] ?? '*', field),
  );
  const isFree = (i: number): boolean => parts[i]?.startsWith('*') === true;
  const time = `${numbers(hours, 0, 23)}:${numbers(minutes, 0, 59)}:00 UTC`;
  const month = numbers(months, 1, 12);
  const week = [...new Set(weekdays.map((day) => day % 7))].sort().map((day) => DAYS[day]);
  const ofMonth = `*-${month}-${numbers(days, 1, 31)} ${time}`;
  const ofWeek = `${week.join(',')} *-${month}-* ${time}`;
  if (week.length === DAYS.length) return [ofMonth];
  if (isFree(2) || isFree(4)) return [`${week.join(',')} ${ofMonth}`];
  return days.length === 31 ? [ofWeek] : [ofMonth, ofWeek];
}

function numbers(values: readonly number[], min: number, max: number): string {
  if (values.length === max - min + 1) return '*';
  return values.map((value) => `${value}`.padStart(2, '0')).join(',');
}

function expand(text: string, { min, max, names }: (typeof FIELDS)[number]): number[] {
  const valueOf = (name: string): number => {
    const at = (names as readonly string[]).indexOf(name.toLowerCase());
    return at < 0 ? Number(name) : at + min;
  };
  const values = text.split(',').flatMap((part) => {
    const [range = '*', step = '1'] = part.split('/');
    const [first = '*', last] = range.split('-');
    const from = first === '*' ? min : valueOf(first);
    const to =
      first === '*' ? (max === 7 ? 6 : max) : last === undefined ? (part.includes('/') ? max : from) : valueOf(last);
    return Array.from({ length: Math.floor((to - from) / Number(step)) + 1 }, (_, i) => from + i * Number(step));
  });
  return [...new Set(values)].sort((a, b) => a - b);
}
