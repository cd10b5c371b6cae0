import { main } from '../world.mjs';
import { parts } from './parts.mjs';
import { connect } from './snippet.mjs';

await main(parts(connect));
