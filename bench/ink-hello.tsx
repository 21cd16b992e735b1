/** The least that Ink can show: what the first paint of our screen is compared with. Built as the screen is. */
import { render, Text } from 'ink';

render(<Text>hello from Ink</Text>);
setInterval(() => {}, 1_000_000);
