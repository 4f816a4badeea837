import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { ZipFile } from 'yazl';
import type { ExampleWorld } from '../example-world.ts';

/** The photos, archives and downloads of the examples of `file:process` and `image:process`. */
export const filesWorld: ExampleWorld = {
  types: ['file:process', 'image:process'],
  async start(folder) {
    const cat = await makePhoto();
    for (const name of ['photos', 'archives']) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'photos/cat.jpg'), cat);
    writeFileSync(join(folder, 'archives/photos.zip'), await pack(cat));
    const server = createServer((request, response) => {
      const isPhoto = request.url?.endsWith('.jpg') ?? false;
      response.writeHead(200, { 'content-type': isPhoto ? 'image/jpeg' : 'text/csv' });
      response.end(isPhoto ? cat : 'name,age\nAda,36\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      replace: {
        'https://files.example.com': `http://127.0.0.1:${port}`,
        '"photos/': `"${folder}/photos/`,
        '"archives/': `"${folder}/archives/`,
      },
      async stop() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  },
};

function makePhoto(): Promise<Buffer> {
  const create = { width: 320, height: 240, channels: 3 as const, background: '#884422' };
  return sharp({ create }).jpeg().toBuffer();
}

function pack(cat: Buffer): Promise<Buffer> {
  const archive = new ZipFile();
  for (const name of ['cat.jpg', 'more/cat.jpg']) archive.addBuffer(cat, name);
  archive.end();
  return buffer(archive.outputStream);
}
