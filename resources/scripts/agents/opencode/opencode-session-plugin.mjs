// Tells whoever started OpenCode which session it opened: writes the id to the
// file that TEROK_SESSION_FILE names.
import { writeFile } from 'node:fs/promises';

export const TerokSession = async () => ({
  event: async ({ event }) => {
    const id = event?.type === 'session.created' ? event.properties?.info?.id : undefined;
    const file = process.env.TEROK_SESSION_FILE;
    if (!id || !file) return;
    try {
      await writeFile(file, `${id}\n`);
    } catch {
      // A session without its file only cannot be resumed.
    }
  },
});
