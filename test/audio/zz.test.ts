import { it } from 'vitest';
import { findPulse, openPulseCapture, openPulsePlayback } from '../../src/audio/device-pulse.ts';
import { PulseServer } from '../support/pulse-server.ts';
it('x', async()=>{
  const s=await PulseServer.start();s.pinMicrophone();const stop=s.listen();
  const p=(await findPulse({...process.env,...s.env}))!;
  const T=performance.now();
  const times:number[]=[];
  const ev={onFrame:()=>{times.push(performance.now());const f=cap.read();if(f)pb.write(f)},onInputEnded(){},onLost(e:any){console.log('lost',e.message)}};
  const pb=await openPulsePlayback(p,undefined,ev);console.log('pb',performance.now()-T);
  const cap=await openPulseCapture(p,undefined,ev);console.log('cap',performance.now()-T);
  let line='';
  for(let i=0;i<60;i++){await new Promise(r=>setTimeout(r,100));line+=`${pb.delayMs}(${pb.underruns}) `}
  console.log(line);
  const gaps=times.slice(1).map((t,i)=>t-times[i]!).sort((a,b)=>a-b);console.log('gap p50 p95 max',gaps[gaps.length>>1],gaps[Math.floor(gaps.length*.95)],gaps.at(-1),times.length);
  await pb.close();await cap.close();stop();await s.stop();
},30000);
