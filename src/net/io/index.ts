/** The face of `net/io`: the driver, the sockets of the system, and where this machine can be reached. */
export { type Clock, Driver, type DriverOptions, type NetFault, systemClock } from './driver.ts';
export { localEndpoints } from './local-addresses.ts';
export { openPortMapping } from './open-port-mapping.ts';
export type { MappedBy } from './port-gateway.ts';
export type { PortMapped, PortMapping } from './port-mapping.ts';
export { chooseProxy, PROXY_FORMS, type ProxyChoice, parseProxyUrl, proxyWhere } from './proxy-url.ts';
export { openSockets, type SystemSockets } from './sockets.ts';
export type { TlsOffer } from './tls.ts';
