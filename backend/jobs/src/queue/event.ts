import { z } from 'zod';

/** What made an event. */
export const TRIGGERS = ['enqueue', 'schedule', 'manual', 'replay'] as const;

/** What lies in the queue for one event: the input and where it came from. */
export const eventData = z.object({
  input: z.json().optional(),
  trigger: z.enum(TRIGGERS).default('enqueue'),
  key: z.string().optional(),
  traceparent: z.string().optional(),
  requestId: z.string().optional(),
  /** When the schedule was due. */
  dueAt: z.iso.datetime().optional(),
  /** The dead letter that is replayed. */
  deadLetterId: z.uuid().optional(),
  /** Whether an operator changed the input: the key, if the job has keys, is that of the new one. */
  isEdited: z.boolean().optional(),
});

/** An event as it lies in the queue. */
export type EventData = z.output<typeof eventData>;
export type Trigger = EventData['trigger'];
