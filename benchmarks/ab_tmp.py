import random, sys
from benchmarks import ground
from benchmarks.sync import Sender, batch, RECORDS
from reviews import requests, walls, feed
from tests import database
from django.db import connection
TABLES = ["reviews_patient","reviews_prescription","reviews_importnote"]
def switch(on):
    with database.as_owner(), connection.cursor() as c:
        for t in TABLES:
            for n in ("created","updated","deleted"):
                c.execute(f"ALTER TABLE {t} {'ENABLE' if on else 'DISABLE'} TRIGGER told_{n}")
def main():
    requests.ring = lambda *_: None
    walls.by_default(walls.EVERYTHING)
    times={}
    with ground.empty_database():
        s=Sender(); rng=random.Random(7)
        for r in range(5):
            for on in (True, False):
                switch(on)
                recs=batch(f"r{r}{on}", rng)
                a=s.send(recs, created=RECORDS)
                changed=[{**x,"times_per_day":4} if i%10==0 else x for i,x in enumerate(recs)]
                b=s.send(changed, amended=RECORDS//10)
                c=s.send(changed, unchanged=RECORDS)
                for k,v in (("first",a),("tenth",b),("again",c)):
                    times.setdefault((k,on),[]).append(v)
    for k in ("first","tenth","again"):
        w,o=min(times[k,True]),min(times[k,False])
        print(k, f"with {w*1000:.0f} ms, without {o*1000:.0f} ms: {100*(w/o-1):+.1f} %", flush=True, file=sys.stderr)
main()
