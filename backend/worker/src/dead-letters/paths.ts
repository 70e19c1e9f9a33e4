import { z } from 'zod';

/** The parameters of a path that names a letter. */
export const ofLetter = z.object({ deadLetterId: z.uuid() });

/** The parameters of a path that names a replay. */
export const ofReplay = z.object({ replayId: z.uuid() });
