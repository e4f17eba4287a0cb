import type { NativeCore } from '../../host/native.ts'

/** Unpacks an archive that was fetched into a folder. ARCHIVE_INVALID and what else the core says of it. */
export async function unpack(
  archive: string,
  folder: string,
  { native, signal }: { readonly native: NativeCore; readonly signal: AbortSignal },
): Promise<void> {
  const action = {
    op: 'file',
    source: archive,
    name: 'context',
    dest: '/',
    mode: 0o644,
    mtime: null,
    owner: null,
    chmod: null,
    archives: 'unpack',
  }
  await native.call(
    'files',
    { target: { kind: 'layers', lower: [], upper: folder }, actions: [action], commit: null },
    { signal },
  )
}
