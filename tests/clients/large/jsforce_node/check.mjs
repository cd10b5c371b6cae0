import { main } from '../../world.mjs';
import { parts } from '../../jsforce/parts.mjs';
import { connect } from './snippet.mjs';

await main(parts(connect));
