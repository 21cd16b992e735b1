/**
 * The second face of sound: what `wren ssh` takes at either end (PROTOCOL.md 10.4). Nothing here loads a codec or a device, so
 * the commands stay small; the voice child finds its endpoint by itself, and the agent asks which there are.
 */
export { type Endpoint, serveEndpoint } from './endpoint-near-io.ts';
export { endpointsAt, endpointsFolder, livingEndpoints } from './endpoints-file.ts';
export { dropSession, type EnrolFailure, type Enrolled, enrol, readSession } from './enrol-io.ts';
