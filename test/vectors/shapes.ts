/** Shapes of the vector files, as their readers need them. What the words mean stands in `fields` of each file. */
import type { Json } from './proto-json.ts';

export interface MessagesFile {
  readonly messages: readonly { number: number; field: string; json: Record<string, Json>; hex: string }[];
  readonly bodies: readonly { type: string; json: Json; hex: string }[];
  readonly readings: readonly { what: string; hex: string; json: Json | null }[];
}

export interface PacketShape {
  readonly kind: number;
  readonly receiver_index: number;
  readonly body?: string;
  readonly epoch?: number;
  readonly counter?: number;
}

export interface EnvelopeFile {
  readonly pin: string;
  readonly header_key: string;
  readonly body_key: string;
  readonly masked: readonly { what: string; packet: string; salt: string; covered: string }[];
  readonly datagrams: readonly { what: string; datagram: string; packets: PacketShape[]; bad: boolean }[];
}

export interface StreamsFile {
  readonly streams: readonly {
    what: string;
    role: 'listener' | 'classic-client' | 'plain-client';
    opening: string;
    steps: readonly { receive: string; packets: PacketShape[]; reply: string; bad: boolean }[];
  }[];
}

export interface TextsFile {
  readonly names: readonly { name: string; person: boolean; service: boolean; folded: string }[];
  readonly endpoints: readonly { text: string; endpoint: EndpointShape | null }[];
}

export interface EndpointShape {
  readonly carrier: string;
  readonly host: string;
  readonly port: number;
}

export interface InviteFile {
  readonly invites: readonly {
    what: string;
    text: string;
    invite: null | {
      network: string;
      authority_pin: string;
      login_servers: EndpointShape[];
      supernodes: EndpointShape[];
    };
  }[];
}

export interface Directions {
  readonly initiator_to_responder: { readonly key: string; readonly salt: string };
  readonly responder_to_initiator: { readonly key: string; readonly salt: string };
}

export interface KeysFile {
  readonly x25519: readonly { private: string; public: string; other_public: string; shared: string }[];
  readonly refused: readonly { private: string; other_public: string }[];
  readonly epoch: readonly ({ root: string } & Directions)[];
  readonly rekey: readonly ({ root: string; shared: string; next_root: string } & Directions)[];
}

export interface CertificatesFile {
  readonly authority: string;
  readonly pin: string;
  readonly judged: readonly {
    what: string;
    certificate: string;
    slim: string;
    slim_without_key: string;
    at_ms: number;
    identity: null | { kind: string; name: string; node_id: string; expires_at_ms: number };
  }[];
}

export interface ProofShape {
  readonly certificate: string;
  readonly signature: string;
  readonly authority_certificate: string;
}

type Person = 'alice1' | 'bobby1' | 'supernode' | 'login-server';

export interface HandshakeRun extends Directions {
  readonly what: string;
  readonly carrier: 'udp' | 'stream' | 'forward';
  readonly want_authority: boolean;
  readonly initiator: { identity: Person | null; private: string; nonce: string; index: number };
  readonly responder: { identity: Person; private: string; nonce: string; index: number };
  readonly cookie: string | null;
  readonly hello_packets: readonly string[];
  readonly cookie_packet: string | null;
  readonly auth1_packet: string;
  readonly auth2_packet: string;
  readonly shared: string;
  readonly t1: string;
  readonly t2: string;
  readonly responder_proof_key: string;
  readonly responder_proof: ProofShape;
  readonly initiator_proof_key: string;
  readonly initiator_proof: ProofShape;
  readonly root: string;
  readonly confirmation: { plaintext: string; packet: string };
  readonly first_message: { plaintext: string; packet: string };
}

export interface HandshakeFile {
  readonly at_ms: number;
  readonly runs: readonly HandshakeRun[];
}

export interface ResumptionRun {
  readonly what: string;
  readonly ticket: { secret: string; id: string; initiator_node_id: string; responder_node_id: string };
  readonly initiator: { private: string; nonce: string; index: number };
  readonly responder: { private: string; nonce: string; index: number };
  readonly cookie: string | null;
  readonly hello_packets: readonly string[];
  readonly cookie_packet: string | null;
  readonly auth1_packet: string;
  readonly auth2_packet: string;
  readonly shared: string;
  readonly t1: string;
  readonly t2: string;
  readonly root: string;
  readonly next_secret: string;
}

export interface ResumptionFile {
  readonly secrets: readonly { shared: string; t2: string; secret: string; id: string }[];
  readonly runs: readonly ResumptionRun[];
  readonly refused: { cookie: string; receiver_index: number; packet: string };
}

interface DataStep {
  readonly what: string;
  readonly to: 'initiator' | 'responder';
  readonly packet: string;
  readonly epoch?: number;
  readonly counter?: number;
  readonly plaintext: string | null;
}

export interface DataFile {
  readonly root: string;
  readonly index: { readonly initiator: number; readonly responder: number };
  readonly before_rekey: readonly DataStep[];
  readonly rekey: { initiator_private: string; responder_private: string; shared: string; root: string };
  readonly after_rekey: readonly DataStep[];
}

export interface ReliableFile {
  readonly messages: readonly { message: string; segments: readonly string[] }[];
  readonly acknowledgements: readonly { got: readonly number[]; plaintext: string }[];
  readonly refused: readonly { what: string; plaintext: string }[];
}

export interface VoiceFile {
  readonly call_id: string;
  readonly tag: number;
  readonly packets: readonly {
    what: string;
    sequence: number;
    media_time: number;
    duration_ms: number;
    distance: number;
    muted: boolean;
    held: boolean;
    frames: readonly string[];
    plaintext: string;
  }[];
  readonly refused: readonly { what: string; plaintext: string }[];
}
