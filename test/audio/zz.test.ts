import { readFileSync } from 'node:fs';
import { execSync,spawn } from 'node:child_process';
import { it } from 'vitest';
import { findDelay } from '../support/likeness.ts';
import { PulseServer } from '../support/pulse-server.ts';
import { VoiceChildUnderTest } from '../support/voice-child.ts';
const T=()=>performance.now();
function rec(s:PulseServer,dev:string){const p=spawn('parec',['--raw','--format=s16le','--rate=16000','--channels=1','--latency-msec=5','-d',dev],{env:{...process.env,...s.env}});
 let n=0;let off=Infinity;const ch:Buffer[]=[];p.stdout.on('data',(c:Buffer)=>{ch.push(c);n+=c.length/2;off=Math.min(off,T()-n/16)});
 return ()=>{p.kill();const b=Buffer.concat(ch);const a=new Int16Array(b.length>>1);for(let i=0;i<a.length;i++)a[i]=b.readInt16LE(i*2);return {a,off}}}
function cpu(pids:number[]){let t=0;for(const p of pids){try{const f=readFileSync(`/proc/${p}/stat`,'utf8').split(') ')[1]!.split(' ');t+=Number(f[11])+Number(f[12])}catch{}}return t/100}
function rss(pids:number[]){return pids.map(p=>{try{return /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${p}/status`,'utf8'))![1]}catch{return '0'}}).map(x=>Math.round(Number(x)/1024))}
const chirps=new Int16Array(16000*6);for(let c=0;c<6;c++)for(let i=0;i<800;i++){const t=i/16000;chirps[c*16000+4000+i]=Math.round(9000*Math.sin(2*Math.PI*(500*t+20000*t*t))*Math.sin(Math.PI*i/800))}
it('x', async()=>{
  for(const backend of (process.env.BE??'pulse,portaudio').split(',')){
  const s=await PulseServer.start();await new Promise(r=>setTimeout(r,500));
  const child=new VoiceChildUnderTest({...s.env,WREN_AUDIO_BACKEND:backend});
  child.command({type:'start',spec:'default',call:'x'});child.onBody=b=>child.voiceDown(b);
  await child.message('ready');await new Promise(r=>setTimeout(r,2500));
  const pids=[child.process.pid!,...execSync(`pgrep -P ${child.process.pid} || true`).toString().trim().split('\n').filter(Boolean).map(Number)];
  const c0=cpu(pids),t0=T();
  const a=rec(s,'mic.monitor'),b=rec(s,'speaker.monitor');await new Promise(r=>setTimeout(r,300));
  await s.speak(chirps);await new Promise(r=>setTimeout(r,500));
  const m=a(),e=b();
  console.log(backend,'cpu %',pids.map(p=>0&&p),(100*(cpu(pids)-c0)/((T()-t0)/1000)).toFixed(1),'rss',rss(pids));
  const out=[];
  // find chirps in mic
  for(let c=0;c<6;c++){const ref=chirps.subarray(c*16000+4000,c*16000+4800);
   const base=findDelay(chirps,m.a);const pos=base+c*16000+4000;const seg=m.a.subarray(Math.max(0,pos-4000),pos+8000);const d=findDelay(ref,seg)+Math.max(0,pos-4000);
   const tm=d/16+m.off; const ei=Math.round((tm-e.off)*16);const es=e.a.subarray(Math.max(0,ei-800),ei+9600);const ed=findDelay(ref,es)+Math.max(0,ei-800);
   out.push(((ed/16+e.off)-tm).toFixed(0));}
  const st=child.told.filter(x=>x.type==='stats').at(-1);
  console.log(backend,'mouth-to-ear',out.join(' '),JSON.stringify(st));
  child.kill('SIGKILL');await child.exited;await s.stop();
  }
},60000);
