#define rand	pan_rand
#define pthread_equal(a,b)	((a)==(b))
#if defined(HAS_CODE) && defined(VERBOSE)
	#ifdef BFS_PAR
		bfs_printf("Pr: %d Tr: %d\n", II, t->forw);
	#else
		cpu_printf("Pr: %d Tr: %d\n", II, t->forw);
	#endif
#endif
	switch (t->forw) {
	default: Uerror("bad forward move");
	case 0:	/* if without executable clauses */
		continue;
	case 1: /* generic 'goto' or 'skip' */
		IfNotBlocked
		_m = 3; goto P999;
	case 2: /* generic 'else' */
		IfNotBlocked
		if (trpt->o_pm&1) continue;
		_m = 3; goto P999;

		 /* PROC world */
	case 3: // STATE 25 - view.pml:308 - [D_STEP308]
		IfNotBlocked

		reached[0][25] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_000_0: /* 2 */
		now.primary[1] = 0;
#ifdef VAR_RANGES
		logval("primary[1]", ((int)now.primary[1]));
#endif
		;
S_001_0: /* 2 */
		now.backup[1] = 1;
#ifdef VAR_RANGES
		logval("backup[1]", ((int)now.backup[1]));
#endif
		;
S_002_0: /* 2 */
		now.decided[1] = 1;
#ifdef VAR_RANGES
		logval("decided[1]", ((int)now.decided[1]));
#endif
		;
S_003_0: /* 2 */
		now.proposed[1] = 1;
#ifdef VAR_RANGES
		logval("proposed[1]", ((int)now.proposed[1]));
#endif
		;
S_004_0: /* 2 */
		now.text[ Index(((1*((2+4)+1))+1), 35) ] = 1;
#ifdef VAR_RANGES
		logval("text[((1*((2+4)+1))+1)]", ((int)now.text[ Index(((1*((2+4)+1))+1), 35) ]));
#endif
		;
S_005_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_020_0: /* 2 */
S_019_0: /* 2 */
S_006_0: /* 2 */
		if (!((((int)((P0 *)_this)->m)>1)))
			goto S_019_1;
S_007_0: /* 2 */
		goto S_022_0;	/* 'goto' */
S_019_1: /* 3 */
S_008_0: /* 2 */
		/* else */;
S_009_0: /* 2 */
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("agreed[world:m]", ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_010_0: /* 2 */
		now.formed[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("formed[world:m]", ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_011_0: /* 2 */
		now.region[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("region[world:m]", ((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_012_0: /* 2 */
		now.fence[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("fence[world:m]", ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_013_0: /* 2 */
		now.view[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("view[world:m]", ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_014_0: /* 2 */
		now.whole[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("whole[world:m]", ((int)now.whole[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_015_0: /* 2 */
		now.top[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("top[world:m]", ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_016_0: /* 2 */
		now.wm[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("wm[world:m]", ((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_017_0: /* 2 */
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+1), 21) ] = 1;
#ifdef VAR_RANGES
		logval("log[((world:m*((2+4)+1))+1)]", ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+1), 21) ]));
#endif
		;
S_018_0: /* 2 */
		((P0 *)_this)->m = (((int)((P0 *)_this)->m)+1);
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		goto S_020_0; /* ';' */
S_019_2: /* 3 */
		Uerror("blocking sel in d_step (nr.0, near line 312)");
S_021_0: /* 2 */
		goto S_022_0;	/* 'break' */
S_022_0: /* 2 */
		now.whole[2] = 1;
#ifdef VAR_RANGES
		logval("whole[2]", ((int)now.whole[2]));
#endif
		;
S_023_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		goto S_571_0;
S_571_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 4: // STATE 26 - view.pml:326 - [v = 2] (0:0:1 - 0)
		IfNotBlocked
		reached[0][26] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->v);
		((P0 *)_this)->v = 2;
#ifdef VAR_RANGES
		logval("world:v", ((int)((P0 *)_this)->v));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 5: // STATE 27 - view.pml:328 - [v = 3] (0:0:1 - 0)
		IfNotBlocked
		reached[0][27] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->v);
		((P0 *)_this)->v = 3;
#ifdef VAR_RANGES
		logval("world:v", ((int)((P0 *)_this)->v));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 6: // STATE 28 - view.pml:331 - [v = 4] (0:0:1 - 0)
		IfNotBlocked
		reached[0][28] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->v);
		((P0 *)_this)->v = 4;
#ifdef VAR_RANGES
		logval("world:v", ((int)((P0 *)_this)->v));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 7: // STATE 31 - view.pml:338 - [m = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][31] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->m);
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 8: // STATE 32 - view.pml:339 - [m = 1] (0:0:1 - 0)
		IfNotBlocked
		reached[0][32] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->m);
		((P0 *)_this)->m = 1;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 9: // STATE 33 - view.pml:340 - [m = 2] (0:0:1 - 0)
		IfNotBlocked
		reached[0][33] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->m);
		((P0 *)_this)->m = 2;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 10: // STATE 36 - view.pml:345 - [((((((( (((v%2)==1)) -> (0) : (1) )==m)||((0==6)&&(m!=2)))&&(v>agreed[m]))&&(v>( ((formed[m]>region[m])) -> (formed[m]) : (region[m]) )))&&((0==11)||((!(held[m])&&((promised[m]==0)||(primary[promised[m]]==m)))&&!(((lease[m]&&(((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m)))&&(m!=m)))))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][36] = 1;
		if (!((((((( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) )==((int)((P0 *)_this)->m))||((0==6)&&(((int)((P0 *)_this)->m)!=2)))&&(((int)((P0 *)_this)->v)>((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)((P0 *)_this)->v)>( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) )))&&((0==11)||(( !(((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]))&&((((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ])==0)||(((int)now.primary[ Index(((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))))&& !(((((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ])&&(((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))))&&(((int)((P0 *)_this)->m)!=((int)((P0 *)_this)->m)))))))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 11: // STATE 37 - view.pml:106 - [fence[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][37] = 1;
		(trpt+1)->bup.oval = ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.fence[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("fence[world:m]", ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 12: // STATE 38 - view.pml:107 - [lease[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][38] = 1;
		(trpt+1)->bup.oval = ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.lease[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("lease[world:m]", ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 13: // STATE 39 - view.pml:108 - [serving[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][39] = 1;
		(trpt+1)->bup.oval = ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.serving[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("serving[world:m]", ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 14: // STATE 40 - view.pml:109 - [half[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][40] = 1;
		(trpt+1)->bup.oval = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.half[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("half[world:m]", ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 15: // STATE 41 - view.pml:110 - [agreed[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][41] = 1;
		(trpt+1)->bup.oval = ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("agreed[world:m]", ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 16: // STATE 42 - view.pml:111 - [bound[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][42] = 1;
		(trpt+1)->bup.oval = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.bound[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("bound[world:m]", ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 17: // STATE 43 - view.pml:112 - [checked[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][43] = 1;
		(trpt+1)->bup.oval = ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.checked[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("checked[world:m]", ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 18: // STATE 45 - view.pml:347 - [proposed[v] = 1] (0:0:1 - 0)
		IfNotBlocked
		reached[0][45] = 1;
		(trpt+1)->bup.oval = ((int)now.proposed[ Index(((int)((P0 *)_this)->v), 5) ]);
		now.proposed[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("proposed[world:v]", ((int)now.proposed[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 19: // STATE 46 - view.pml:351 - [((((((proposed[v]&&(( (((v%2)==1)) -> (0) : (1) )!=m))&&((v>agreed[m])||((0==6)&&(v==agreed[m]))))&&(0!=9))&&(0!=10))&&((0==11)||((!(held[m])&&((promised[m]==0)||(primary[promised[m]]==( (((v%2)==1)) -> (0) : (1) ))))&&!(((lease[m]&&(((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m)))&&(( (((v%2)==1)) -> (0) : (1) )!=m)))))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][46] = 1;
		if (!((((((((int)now.proposed[ Index(((int)((P0 *)_this)->v), 5) ])&&(( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) )!=((int)((P0 *)_this)->m)))&&((((int)((P0 *)_this)->v)>((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]))||((0==6)&&(((int)((P0 *)_this)->v)==((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ])))))&&(0!=9))&&(0!=10))&&((0==11)||(( !(((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]))&&((((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ])==0)||(((int)now.primary[ Index(((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) ))))&& !(((((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ])&&(((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))))&&(( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) )!=((int)((P0 *)_this)->m)))))))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 20: // STATE 47 - view.pml:106 - [fence[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][47] = 1;
		(trpt+1)->bup.oval = ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.fence[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("fence[world:m]", ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 21: // STATE 48 - view.pml:107 - [lease[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][48] = 1;
		(trpt+1)->bup.oval = ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.lease[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("lease[world:m]", ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 22: // STATE 49 - view.pml:108 - [serving[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][49] = 1;
		(trpt+1)->bup.oval = ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.serving[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("serving[world:m]", ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 23: // STATE 50 - view.pml:109 - [half[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][50] = 1;
		(trpt+1)->bup.oval = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.half[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("half[world:m]", ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 24: // STATE 51 - view.pml:110 - [agreed[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][51] = 1;
		(trpt+1)->bup.oval = ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("agreed[world:m]", ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 25: // STATE 52 - view.pml:111 - [bound[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][52] = 1;
		(trpt+1)->bup.oval = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.bound[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("bound[world:m]", ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 26: // STATE 53 - view.pml:112 - [checked[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][53] = 1;
		(trpt+1)->bup.oval = ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.checked[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("checked[world:m]", ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 27: // STATE 55 - view.pml:353 - [((((0==9)&&proposed[v])&&((v>agreed[m])||((0==6)&&(v==agreed[m])))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][55] = 1;
		if (!((((0==9)&&((int)now.proposed[ Index(((int)((P0 *)_this)->v), 5) ]))&&((((int)((P0 *)_this)->v)>((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]))||((0==6)&&(((int)((P0 *)_this)->v)==((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ])))))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 28: // STATE 56 - view.pml:354 - [agreed[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][56] = 1;
		(trpt+1)->bup.oval = ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("agreed[world:m]", ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 29: // STATE 57 - view.pml:355 - [bound[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][57] = 1;
		(trpt+1)->bup.oval = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.bound[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("bound[world:m]", ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 30: // STATE 58 - view.pml:357 - [((((((0==10)&&proposed[v])&&((v>agreed[m])||((0==6)&&(v==agreed[m]))))&&(checked[m]!=v))&&((0==11)||((!(held[m])&&((promised[m]==0)||(primary[promised[m]]==( (((v%2)==1)) -> (0) : (1) ))))&&!(((lease[m]&&(((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m)))&&(( (((v%2)==1)) -> (0) : (1) )!=m)))))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][58] = 1;
		if (!((((((0==10)&&((int)now.proposed[ Index(((int)((P0 *)_this)->v), 5) ]))&&((((int)((P0 *)_this)->v)>((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]))||((0==6)&&(((int)((P0 *)_this)->v)==((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ])))))&&(((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ])!=((int)((P0 *)_this)->v)))&&((0==11)||(( !(((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]))&&((((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ])==0)||(((int)now.primary[ Index(((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) ))))&& !(((((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ])&&(((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))))&&(( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) )!=((int)((P0 *)_this)->m)))))))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 31: // STATE 59 - view.pml:358 - [checked[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][59] = 1;
		(trpt+1)->bup.oval = ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.checked[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("checked[world:m]", ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 32: // STATE 60 - view.pml:359 - [(((((0==10)&&proposed[v])&&((v>agreed[m])||((0==6)&&(v==agreed[m]))))&&(checked[m]==v)))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][60] = 1;
		if (!(((((0==10)&&((int)now.proposed[ Index(((int)((P0 *)_this)->v), 5) ]))&&((((int)((P0 *)_this)->v)>((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]))||((0==6)&&(((int)((P0 *)_this)->v)==((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ])))))&&(((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ])==((int)((P0 *)_this)->v)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 33: // STATE 61 - view.pml:106 - [fence[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][61] = 1;
		(trpt+1)->bup.oval = ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.fence[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("fence[world:m]", ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 34: // STATE 62 - view.pml:107 - [lease[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][62] = 1;
		(trpt+1)->bup.oval = ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.lease[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("lease[world:m]", ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 35: // STATE 63 - view.pml:108 - [serving[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][63] = 1;
		(trpt+1)->bup.oval = ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.serving[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("serving[world:m]", ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 36: // STATE 64 - view.pml:109 - [half[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][64] = 1;
		(trpt+1)->bup.oval = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.half[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("half[world:m]", ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 37: // STATE 65 - view.pml:110 - [agreed[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][65] = 1;
		(trpt+1)->bup.oval = ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("agreed[world:m]", ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 38: // STATE 66 - view.pml:111 - [bound[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][66] = 1;
		(trpt+1)->bup.oval = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.bound[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("bound[world:m]", ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 39: // STATE 67 - view.pml:112 - [checked[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][67] = 1;
		(trpt+1)->bup.oval = ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.checked[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("checked[world:m]", ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 40: // STATE 69 - view.pml:363 - [(((((!(decided[v])||(0==6))&&(m==( (((v%2)==1)) -> (0) : (1) )))&&(bound[m]==v))&&(bound[(1-m)]==v)))] (0:0:1 - 0)
		IfNotBlocked
		reached[0][69] = 1;
		if (!((((( !(((int)now.decided[ Index(((int)((P0 *)_this)->v), 5) ]))||(0==6))&&(((int)((P0 *)_this)->m)==( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) )))&&(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ])==((int)((P0 *)_this)->v)))&&(((int)now.bound[ Index((1-((int)((P0 *)_this)->m)), 3) ])==((int)((P0 *)_this)->v)))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: m */  (trpt+1)->bup.oval = ((P0 *)_this)->m;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->m = 0;
		_m = 3; goto P999; /* 0 */
	case 41: // STATE 163 - view.pml:169 - [D_STEP169]
		IfNotBlocked

		reached[0][163] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_069_0: /* 2 */
		((P0 *)_this)->f = 0;
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_070_0: /* 2 */
		((P0 *)_this)->lossy = 3;
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_071_0: /* 2 */
		((P0 *)_this)->second = 0;
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_072_0: /* 2 */
		((P0 *)_this)->n = 0;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
S_073_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_102_0: /* 2 */
S_101_0: /* 2 */
S_074_0: /* 2 */
		if (!((((int)((P0 *)_this)->m)>2)))
			goto S_101_1;
S_075_0: /* 2 */
		goto S_107_0;	/* 'goto' */
S_101_1: /* 3 */
S_076_0: /* 2 */
		/* else */;
S_098_0: /* 2 */
S_077_0: /* 2 */
		if (!(((3>>((int)((P0 *)_this)->m))&1)))
			goto S_098_1;
S_084_0: /* 2 */
S_078_0: /* 2 */
		if (!((0==5)))
			goto S_084_1;
S_079_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>0)) ? (((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ])) : (0) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_085_0;
S_084_1: /* 3 */
S_080_0: /* 2 */
		if (!((0==4)))
			goto S_084_2;
S_081_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_085_0;
S_084_2: /* 3 */
S_082_0: /* 2 */
		/* else */;
S_083_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_085_0;
S_084_3: /* 3 */
		Uerror("blocking sel in d_step (nr.1, near line 177)");
S_085_0: /* 2 */
S_095_0: /* 2 */
S_086_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)>((int)((P0 *)_this)->f))))
			goto S_095_1;
S_087_0: /* 2 */
		((P0 *)_this)->second = ((int)((P0 *)_this)->f);
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_088_0: /* 2 */
		((P0 *)_this)->f = ((int)((P0 *)_this)->x);
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_089_0: /* 2 */
		((P0 *)_this)->lossy = ((int)((P0 *)_this)->m);
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_090_0: /* 2 */
		((P0 *)_this)->n = 1;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
		goto S_096_0;
S_095_1: /* 3 */
S_091_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)==((int)((P0 *)_this)->f))))
			goto S_095_2;
S_092_0: /* 2 */
		((P0 *)_this)->n = (((int)((P0 *)_this)->n)+1);
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
		goto S_096_0;
S_095_2: /* 3 */
S_093_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)<((int)((P0 *)_this)->f))))
			goto S_095_3;
S_094_0: /* 2 */
		((P0 *)_this)->second = ( ((((int)((P0 *)_this)->second)>((int)((P0 *)_this)->x))) ? (((int)((P0 *)_this)->second)) : (((int)((P0 *)_this)->x)) );
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
		goto S_096_0;
S_095_3: /* 3 */
		Uerror("blocking sel in d_step (nr.2, near line 182)");
S_096_0: /* 2 */
		goto S_099_0;
S_098_1: /* 3 */
S_097_0: /* 2 */
		/* else */;
		goto S_099_0;
S_098_2: /* 3 */
		Uerror("blocking sel in d_step (nr.3, near line 175)");
S_099_0: /* 2 */
S_100_0: /* 2 */
		((P0 *)_this)->m = (((int)((P0 *)_this)->m)+1);
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		goto S_102_0; /* ';' */
S_101_2: /* 3 */
		Uerror("blocking sel in d_step (nr.4, near line 172)");
S_103_0: /* 2 */
		goto S_107_0;	/* 'break' */
S_107_0: /* 2 */
S_104_0: /* 2 */
		if (!(((((((3==7)||(0==15))&&(((int)((P0 *)_this)->n)==1))&&(((int)((P0 *)_this)->f)>0))&& !((((int)now.whole[ Index(((int)((P0 *)_this)->lossy), 3) ])&&(((int)now.region[ Index(((int)((P0 *)_this)->lossy), 3) ])>=((int)now.formed[ Index(((int)((P0 *)_this)->lossy), 3) ])))))&&((((int)now.primary[ Index(((int)((P0 *)_this)->f), 5) ])==((int)((P0 *)_this)->lossy))||(((int)now.backup[ Index(((int)((P0 *)_this)->f), 5) ])==((int)((P0 *)_this)->lossy))))))
			goto S_107_1;
S_105_0: /* 2 */
		((P0 *)_this)->f = ((int)((P0 *)_this)->second);
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
		goto S_108_0;
S_107_1: /* 3 */
S_106_0: /* 2 */
		/* else */;
		goto S_108_0;
S_107_2: /* 3 */
		Uerror("blocking sel in d_step (nr.5, near line 192)");
S_108_0: /* 2 */
S_109_0: /* 2 */
		((P0 *)_this)->donor = 3;
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
S_110_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_129_0: /* 2 */
S_128_0: /* 2 */
S_111_0: /* 2 */
		if (!((((int)((P0 *)_this)->m)>2)))
			goto S_128_1;
S_112_0: /* 2 */
		goto S_152_0;	/* 'goto' */
S_128_1: /* 3 */
S_113_0: /* 2 */
		/* else */;
S_120_0: /* 2 */
S_114_0: /* 2 */
		if (!((0==5)))
			goto S_120_1;
S_115_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>0)) ? (((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ])) : (0) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_121_0;
S_120_1: /* 3 */
S_116_0: /* 2 */
		if (!((0==4)))
			goto S_120_2;
S_117_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_121_0;
S_120_2: /* 3 */
S_118_0: /* 2 */
		/* else */;
S_119_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_121_0;
S_120_3: /* 3 */
		Uerror("blocking sel in d_step (nr.6, near line 202)");
S_121_0: /* 2 */
S_125_0: /* 2 */
S_122_0: /* 2 */
		if (!((((((3>>((int)((P0 *)_this)->m))&1)&&(((int)((P0 *)_this)->x)==((int)((P0 *)_this)->f)))&&((((int)now.whole[ Index(((int)((P0 *)_this)->m), 3) ])&&(((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])>=((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])))||(0==3)))&&((((int)((P0 *)_this)->donor)==3)||(((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]))))))
			goto S_125_1;
S_123_0: /* 2 */
		((P0 *)_this)->donor = ((int)((P0 *)_this)->m);
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
		goto S_126_0;
S_125_1: /* 3 */
S_124_0: /* 2 */
		/* else */;
		goto S_126_0;
S_125_2: /* 3 */
		Uerror("blocking sel in d_step (nr.7, near line 207)");
S_126_0: /* 2 */
S_127_0: /* 2 */
		((P0 *)_this)->m = (((int)((P0 *)_this)->m)+1);
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		goto S_129_0; /* ';' */
S_128_2: /* 3 */
		Uerror("blocking sel in d_step (nr.8, near line 199)");
S_130_0: /* 2 */
		goto S_152_0;	/* 'break' */
S_152_0: /* 2 */
S_131_0: /* 2 */
		if (!(((((int)((P0 *)_this)->donor)!=3)&&(((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ])<(2+4)))))
			goto S_152_1;
S_132_0: /* 2 */
		now.decided[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("decided[world:v]", ((int)now.decided[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_133_0: /* 2 */
		now.chosen[ Index(((P0 *)_this)->v, 5) ] = ((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]);
#ifdef VAR_RANGES
		logval("chosen[world:v]", ((int)now.chosen[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_134_0: /* 2 */
		((P0 *)_this)->i = 1;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_141_0: /* 2 */
S_140_0: /* 2 */
S_135_0: /* 2 */
		if (!((((int)((P0 *)_this)->i)>((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]))))
			goto S_140_1;
S_136_0: /* 2 */
		goto S_149_0;	/* 'goto' */
S_140_1: /* 3 */
S_137_0: /* 2 */
		/* else */;
S_138_0: /* 2 */
		now.text[ Index(((((P0 *)_this)->v*((2+4)+1))+((P0 *)_this)->i), 35) ] = ((int)now.log[ Index(((((int)((P0 *)_this)->donor)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]);
#ifdef VAR_RANGES
		logval("text[((world:v*((2+4)+1))+world:i)]", ((int)now.text[ Index(((((int)((P0 *)_this)->v)*((2+4)+1))+((int)((P0 *)_this)->i)), 35) ]));
#endif
		;
S_139_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_141_0; /* ';' */
S_140_2: /* 3 */
		Uerror("blocking sel in d_step (nr.9, near line 219)");
S_142_0: /* 2 */
		goto S_149_0;	/* 'break' */
S_149_0: /* 2 */
S_143_0: /* 2 */
		if (!((3&1)))
			goto S_149_1;
S_144_0: /* 2 */
		now.primary[ Index(((P0 *)_this)->v, 5) ] = 0;
#ifdef VAR_RANGES
		logval("primary[world:v]", ((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_145_0: /* 2 */
		now.backup[ Index(((P0 *)_this)->v, 5) ] = ( ((3&2)) ? (1) : (2) );
#ifdef VAR_RANGES
		logval("backup[world:v]", ((int)now.backup[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		goto S_150_0;
S_149_1: /* 3 */
S_146_0: /* 2 */
		/* else */;
S_147_0: /* 2 */
		now.primary[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("primary[world:v]", ((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_148_0: /* 2 */
		now.backup[ Index(((P0 *)_this)->v, 5) ] = 2;
#ifdef VAR_RANGES
		logval("backup[world:v]", ((int)now.backup[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		goto S_150_0;
S_149_2: /* 3 */
		Uerror("blocking sel in d_step (nr.10, near line 223)");
S_150_0: /* 2 */
		goto S_153_0;
S_152_1: /* 3 */
S_151_0: /* 2 */
		/* else */;
		goto S_153_0;
S_152_2: /* 3 */
		Uerror("blocking sel in d_step (nr.11, near line 214)");
S_153_0: /* 2 */
S_154_0: /* 2 */
		((P0 *)_this)->f = 0;
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_155_0: /* 2 */
		((P0 *)_this)->lossy = 0;
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_156_0: /* 2 */
		((P0 *)_this)->second = 0;
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_157_0: /* 2 */
		((P0 *)_this)->donor = 0;
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
S_158_0: /* 2 */
		((P0 *)_this)->n = 0;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
S_159_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_160_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
S_161_0: /* 2 */
		((P0 *)_this)->i = 0;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_358_0;
S_358_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 42: // STATE 165 - view.pml:366 - [(((((!(decided[v])||(0==6))&&(m==( (((v%2)==1)) -> (0) : (1) )))&&(bound[m]==v))&&(bound[2]==v)))] (0:0:1 - 0)
		IfNotBlocked
		reached[0][165] = 1;
		if (!((((( !(((int)now.decided[ Index(((int)((P0 *)_this)->v), 5) ]))||(0==6))&&(((int)((P0 *)_this)->m)==( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) )))&&(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ])==((int)((P0 *)_this)->v)))&&(((int)now.bound[2])==((int)((P0 *)_this)->v)))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: m */  (trpt+1)->bup.oval = ((P0 *)_this)->m;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->m = 0;
		_m = 3; goto P999; /* 0 */
	case 43: // STATE 259 - view.pml:169 - [D_STEP169]
		IfNotBlocked

		reached[0][259] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_165_0: /* 2 */
		((P0 *)_this)->f = 0;
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_166_0: /* 2 */
		((P0 *)_this)->lossy = 3;
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_167_0: /* 2 */
		((P0 *)_this)->second = 0;
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_168_0: /* 2 */
		((P0 *)_this)->n = 0;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
S_169_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_198_0: /* 2 */
S_197_0: /* 2 */
S_170_0: /* 2 */
		if (!((((int)((P0 *)_this)->m)>2)))
			goto S_197_1;
S_171_0: /* 2 */
		goto S_203_0;	/* 'goto' */
S_197_1: /* 3 */
S_172_0: /* 2 */
		/* else */;
S_194_0: /* 2 */
S_173_0: /* 2 */
		if (!(((( ((((int)((P0 *)_this)->m)==0)) ? (5) : (6) )>>((int)((P0 *)_this)->m))&1)))
			goto S_194_1;
S_180_0: /* 2 */
S_174_0: /* 2 */
		if (!((0==5)))
			goto S_180_1;
S_175_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>0)) ? (((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ])) : (0) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_181_0;
S_180_1: /* 3 */
S_176_0: /* 2 */
		if (!((0==4)))
			goto S_180_2;
S_177_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_181_0;
S_180_2: /* 3 */
S_178_0: /* 2 */
		/* else */;
S_179_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_181_0;
S_180_3: /* 3 */
		Uerror("blocking sel in d_step (nr.12, near line 177)");
S_181_0: /* 2 */
S_191_0: /* 2 */
S_182_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)>((int)((P0 *)_this)->f))))
			goto S_191_1;
S_183_0: /* 2 */
		((P0 *)_this)->second = ((int)((P0 *)_this)->f);
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_184_0: /* 2 */
		((P0 *)_this)->f = ((int)((P0 *)_this)->x);
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_185_0: /* 2 */
		((P0 *)_this)->lossy = ((int)((P0 *)_this)->m);
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_186_0: /* 2 */
		((P0 *)_this)->n = 1;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
		goto S_192_0;
S_191_1: /* 3 */
S_187_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)==((int)((P0 *)_this)->f))))
			goto S_191_2;
S_188_0: /* 2 */
		((P0 *)_this)->n = (((int)((P0 *)_this)->n)+1);
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
		goto S_192_0;
S_191_2: /* 3 */
S_189_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)<((int)((P0 *)_this)->f))))
			goto S_191_3;
S_190_0: /* 2 */
		((P0 *)_this)->second = ( ((((int)((P0 *)_this)->second)>((int)((P0 *)_this)->x))) ? (((int)((P0 *)_this)->second)) : (((int)((P0 *)_this)->x)) );
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
		goto S_192_0;
S_191_3: /* 3 */
		Uerror("blocking sel in d_step (nr.13, near line 182)");
S_192_0: /* 2 */
		goto S_195_0;
S_194_1: /* 3 */
S_193_0: /* 2 */
		/* else */;
		goto S_195_0;
S_194_2: /* 3 */
		Uerror("blocking sel in d_step (nr.14, near line 175)");
S_195_0: /* 2 */
S_196_0: /* 2 */
		((P0 *)_this)->m = (((int)((P0 *)_this)->m)+1);
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		goto S_198_0; /* ';' */
S_197_2: /* 3 */
		Uerror("blocking sel in d_step (nr.15, near line 172)");
S_199_0: /* 2 */
		goto S_203_0;	/* 'break' */
S_203_0: /* 2 */
S_200_0: /* 2 */
		if (!(((((((( ((((int)((P0 *)_this)->m)==0)) ? (5) : (6) )==7)||(0==15))&&(((int)((P0 *)_this)->n)==1))&&(((int)((P0 *)_this)->f)>0))&& !((((int)now.whole[ Index(((int)((P0 *)_this)->lossy), 3) ])&&(((int)now.region[ Index(((int)((P0 *)_this)->lossy), 3) ])>=((int)now.formed[ Index(((int)((P0 *)_this)->lossy), 3) ])))))&&((((int)now.primary[ Index(((int)((P0 *)_this)->f), 5) ])==((int)((P0 *)_this)->lossy))||(((int)now.backup[ Index(((int)((P0 *)_this)->f), 5) ])==((int)((P0 *)_this)->lossy))))))
			goto S_203_1;
S_201_0: /* 2 */
		((P0 *)_this)->f = ((int)((P0 *)_this)->second);
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
		goto S_204_0;
S_203_1: /* 3 */
S_202_0: /* 2 */
		/* else */;
		goto S_204_0;
S_203_2: /* 3 */
		Uerror("blocking sel in d_step (nr.16, near line 192)");
S_204_0: /* 2 */
S_205_0: /* 2 */
		((P0 *)_this)->donor = 3;
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
S_206_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_225_0: /* 2 */
S_224_0: /* 2 */
S_207_0: /* 2 */
		if (!((((int)((P0 *)_this)->m)>2)))
			goto S_224_1;
S_208_0: /* 2 */
		goto S_248_0;	/* 'goto' */
S_224_1: /* 3 */
S_209_0: /* 2 */
		/* else */;
S_216_0: /* 2 */
S_210_0: /* 2 */
		if (!((0==5)))
			goto S_216_1;
S_211_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>0)) ? (((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ])) : (0) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_217_0;
S_216_1: /* 3 */
S_212_0: /* 2 */
		if (!((0==4)))
			goto S_216_2;
S_213_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_217_0;
S_216_2: /* 3 */
S_214_0: /* 2 */
		/* else */;
S_215_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_217_0;
S_216_3: /* 3 */
		Uerror("blocking sel in d_step (nr.17, near line 202)");
S_217_0: /* 2 */
S_221_0: /* 2 */
S_218_0: /* 2 */
		if (!((((((( ((((int)((P0 *)_this)->m)==0)) ? (5) : (6) )>>((int)((P0 *)_this)->m))&1)&&(((int)((P0 *)_this)->x)==((int)((P0 *)_this)->f)))&&((((int)now.whole[ Index(((int)((P0 *)_this)->m), 3) ])&&(((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])>=((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])))||(0==3)))&&((((int)((P0 *)_this)->donor)==3)||(((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]))))))
			goto S_221_1;
S_219_0: /* 2 */
		((P0 *)_this)->donor = ((int)((P0 *)_this)->m);
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
		goto S_222_0;
S_221_1: /* 3 */
S_220_0: /* 2 */
		/* else */;
		goto S_222_0;
S_221_2: /* 3 */
		Uerror("blocking sel in d_step (nr.18, near line 207)");
S_222_0: /* 2 */
S_223_0: /* 2 */
		((P0 *)_this)->m = (((int)((P0 *)_this)->m)+1);
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		goto S_225_0; /* ';' */
S_224_2: /* 3 */
		Uerror("blocking sel in d_step (nr.19, near line 199)");
S_226_0: /* 2 */
		goto S_248_0;	/* 'break' */
S_248_0: /* 2 */
S_227_0: /* 2 */
		if (!(((((int)((P0 *)_this)->donor)!=3)&&(((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ])<(2+4)))))
			goto S_248_1;
S_228_0: /* 2 */
		now.decided[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("decided[world:v]", ((int)now.decided[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_229_0: /* 2 */
		now.chosen[ Index(((P0 *)_this)->v, 5) ] = ((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]);
#ifdef VAR_RANGES
		logval("chosen[world:v]", ((int)now.chosen[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_230_0: /* 2 */
		((P0 *)_this)->i = 1;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_237_0: /* 2 */
S_236_0: /* 2 */
S_231_0: /* 2 */
		if (!((((int)((P0 *)_this)->i)>((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]))))
			goto S_236_1;
S_232_0: /* 2 */
		goto S_245_0;	/* 'goto' */
S_236_1: /* 3 */
S_233_0: /* 2 */
		/* else */;
S_234_0: /* 2 */
		now.text[ Index(((((P0 *)_this)->v*((2+4)+1))+((P0 *)_this)->i), 35) ] = ((int)now.log[ Index(((((int)((P0 *)_this)->donor)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]);
#ifdef VAR_RANGES
		logval("text[((world:v*((2+4)+1))+world:i)]", ((int)now.text[ Index(((((int)((P0 *)_this)->v)*((2+4)+1))+((int)((P0 *)_this)->i)), 35) ]));
#endif
		;
S_235_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_237_0; /* ';' */
S_236_2: /* 3 */
		Uerror("blocking sel in d_step (nr.20, near line 219)");
S_238_0: /* 2 */
		goto S_245_0;	/* 'break' */
S_245_0: /* 2 */
S_239_0: /* 2 */
		if (!((( ((((int)((P0 *)_this)->m)==0)) ? (5) : (6) )&1)))
			goto S_245_1;
S_240_0: /* 2 */
		now.primary[ Index(((P0 *)_this)->v, 5) ] = 0;
#ifdef VAR_RANGES
		logval("primary[world:v]", ((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_241_0: /* 2 */
		now.backup[ Index(((P0 *)_this)->v, 5) ] = ( ((( ((((int)((P0 *)_this)->m)==0)) ? (5) : (6) )&2)) ? (1) : (2) );
#ifdef VAR_RANGES
		logval("backup[world:v]", ((int)now.backup[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		goto S_246_0;
S_245_1: /* 3 */
S_242_0: /* 2 */
		/* else */;
S_243_0: /* 2 */
		now.primary[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("primary[world:v]", ((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_244_0: /* 2 */
		now.backup[ Index(((P0 *)_this)->v, 5) ] = 2;
#ifdef VAR_RANGES
		logval("backup[world:v]", ((int)now.backup[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		goto S_246_0;
S_245_2: /* 3 */
		Uerror("blocking sel in d_step (nr.21, near line 223)");
S_246_0: /* 2 */
		goto S_249_0;
S_248_1: /* 3 */
S_247_0: /* 2 */
		/* else */;
		goto S_249_0;
S_248_2: /* 3 */
		Uerror("blocking sel in d_step (nr.22, near line 214)");
S_249_0: /* 2 */
S_250_0: /* 2 */
		((P0 *)_this)->f = 0;
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_251_0: /* 2 */
		((P0 *)_this)->lossy = 0;
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_252_0: /* 2 */
		((P0 *)_this)->second = 0;
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_253_0: /* 2 */
		((P0 *)_this)->donor = 0;
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
S_254_0: /* 2 */
		((P0 *)_this)->n = 0;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
S_255_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_256_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
S_257_0: /* 2 */
		((P0 *)_this)->i = 0;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_358_0; /* ';' */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 44: // STATE 261 - view.pml:369 - [((((((!(decided[v])||(0==6))&&(m==( (((v%2)==1)) -> (0) : (1) )))&&(bound[0]==v))&&(bound[1]==v))&&(bound[2]==v)))] (0:0:1 - 0)
		IfNotBlocked
		reached[0][261] = 1;
		if (!(((((( !(((int)now.decided[ Index(((int)((P0 *)_this)->v), 5) ]))||(0==6))&&(((int)((P0 *)_this)->m)==( (((((int)((P0 *)_this)->v)%2)==1)) ? (0) : (1) )))&&(((int)now.bound[0])==((int)((P0 *)_this)->v)))&&(((int)now.bound[1])==((int)((P0 *)_this)->v)))&&(((int)now.bound[2])==((int)((P0 *)_this)->v)))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: m */  (trpt+1)->bup.oval = ((P0 *)_this)->m;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->m = 0;
		_m = 3; goto P999; /* 0 */
	case 45: // STATE 355 - view.pml:169 - [D_STEP169]
		IfNotBlocked

		reached[0][355] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_261_0: /* 2 */
		((P0 *)_this)->f = 0;
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_262_0: /* 2 */
		((P0 *)_this)->lossy = 3;
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_263_0: /* 2 */
		((P0 *)_this)->second = 0;
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_264_0: /* 2 */
		((P0 *)_this)->n = 0;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
S_265_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_294_0: /* 2 */
S_293_0: /* 2 */
S_266_0: /* 2 */
		if (!((((int)((P0 *)_this)->m)>2)))
			goto S_293_1;
S_267_0: /* 2 */
		goto S_299_0;	/* 'goto' */
S_293_1: /* 3 */
S_268_0: /* 2 */
		/* else */;
S_290_0: /* 2 */
S_269_0: /* 2 */
		if (!(((7>>((int)((P0 *)_this)->m))&1)))
			goto S_290_1;
S_276_0: /* 2 */
S_270_0: /* 2 */
		if (!((0==5)))
			goto S_276_1;
S_271_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>0)) ? (((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ])) : (0) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_277_0;
S_276_1: /* 3 */
S_272_0: /* 2 */
		if (!((0==4)))
			goto S_276_2;
S_273_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_277_0;
S_276_2: /* 3 */
S_274_0: /* 2 */
		/* else */;
S_275_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_277_0;
S_276_3: /* 3 */
		Uerror("blocking sel in d_step (nr.23, near line 177)");
S_277_0: /* 2 */
S_287_0: /* 2 */
S_278_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)>((int)((P0 *)_this)->f))))
			goto S_287_1;
S_279_0: /* 2 */
		((P0 *)_this)->second = ((int)((P0 *)_this)->f);
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_280_0: /* 2 */
		((P0 *)_this)->f = ((int)((P0 *)_this)->x);
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_281_0: /* 2 */
		((P0 *)_this)->lossy = ((int)((P0 *)_this)->m);
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_282_0: /* 2 */
		((P0 *)_this)->n = 1;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
		goto S_288_0;
S_287_1: /* 3 */
S_283_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)==((int)((P0 *)_this)->f))))
			goto S_287_2;
S_284_0: /* 2 */
		((P0 *)_this)->n = (((int)((P0 *)_this)->n)+1);
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
		goto S_288_0;
S_287_2: /* 3 */
S_285_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)<((int)((P0 *)_this)->f))))
			goto S_287_3;
S_286_0: /* 2 */
		((P0 *)_this)->second = ( ((((int)((P0 *)_this)->second)>((int)((P0 *)_this)->x))) ? (((int)((P0 *)_this)->second)) : (((int)((P0 *)_this)->x)) );
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
		goto S_288_0;
S_287_3: /* 3 */
		Uerror("blocking sel in d_step (nr.24, near line 182)");
S_288_0: /* 2 */
		goto S_291_0;
S_290_1: /* 3 */
S_289_0: /* 2 */
		/* else */;
		goto S_291_0;
S_290_2: /* 3 */
		Uerror("blocking sel in d_step (nr.25, near line 175)");
S_291_0: /* 2 */
S_292_0: /* 2 */
		((P0 *)_this)->m = (((int)((P0 *)_this)->m)+1);
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		goto S_294_0; /* ';' */
S_293_2: /* 3 */
		Uerror("blocking sel in d_step (nr.26, near line 172)");
S_295_0: /* 2 */
		goto S_299_0;	/* 'break' */
S_299_0: /* 2 */
S_296_0: /* 2 */
		if (!(((((((7==7)||(0==15))&&(((int)((P0 *)_this)->n)==1))&&(((int)((P0 *)_this)->f)>0))&& !((((int)now.whole[ Index(((int)((P0 *)_this)->lossy), 3) ])&&(((int)now.region[ Index(((int)((P0 *)_this)->lossy), 3) ])>=((int)now.formed[ Index(((int)((P0 *)_this)->lossy), 3) ])))))&&((((int)now.primary[ Index(((int)((P0 *)_this)->f), 5) ])==((int)((P0 *)_this)->lossy))||(((int)now.backup[ Index(((int)((P0 *)_this)->f), 5) ])==((int)((P0 *)_this)->lossy))))))
			goto S_299_1;
S_297_0: /* 2 */
		((P0 *)_this)->f = ((int)((P0 *)_this)->second);
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
		goto S_300_0;
S_299_1: /* 3 */
S_298_0: /* 2 */
		/* else */;
		goto S_300_0;
S_299_2: /* 3 */
		Uerror("blocking sel in d_step (nr.27, near line 192)");
S_300_0: /* 2 */
S_301_0: /* 2 */
		((P0 *)_this)->donor = 3;
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
S_302_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_321_0: /* 2 */
S_320_0: /* 2 */
S_303_0: /* 2 */
		if (!((((int)((P0 *)_this)->m)>2)))
			goto S_320_1;
S_304_0: /* 2 */
		goto S_344_0;	/* 'goto' */
S_320_1: /* 3 */
S_305_0: /* 2 */
		/* else */;
S_312_0: /* 2 */
S_306_0: /* 2 */
		if (!((0==5)))
			goto S_312_1;
S_307_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>0)) ? (((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ])) : (0) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_313_0;
S_312_1: /* 3 */
S_308_0: /* 2 */
		if (!((0==4)))
			goto S_312_2;
S_309_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_313_0;
S_312_2: /* 3 */
S_310_0: /* 2 */
		/* else */;
S_311_0: /* 2 */
		((P0 *)_this)->x = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_313_0;
S_312_3: /* 3 */
		Uerror("blocking sel in d_step (nr.28, near line 202)");
S_313_0: /* 2 */
S_317_0: /* 2 */
S_314_0: /* 2 */
		if (!((((((7>>((int)((P0 *)_this)->m))&1)&&(((int)((P0 *)_this)->x)==((int)((P0 *)_this)->f)))&&((((int)now.whole[ Index(((int)((P0 *)_this)->m), 3) ])&&(((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])>=((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])))||(0==3)))&&((((int)((P0 *)_this)->donor)==3)||(((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]))))))
			goto S_317_1;
S_315_0: /* 2 */
		((P0 *)_this)->donor = ((int)((P0 *)_this)->m);
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
		goto S_318_0;
S_317_1: /* 3 */
S_316_0: /* 2 */
		/* else */;
		goto S_318_0;
S_317_2: /* 3 */
		Uerror("blocking sel in d_step (nr.29, near line 207)");
S_318_0: /* 2 */
S_319_0: /* 2 */
		((P0 *)_this)->m = (((int)((P0 *)_this)->m)+1);
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		goto S_321_0; /* ';' */
S_320_2: /* 3 */
		Uerror("blocking sel in d_step (nr.30, near line 199)");
S_322_0: /* 2 */
		goto S_344_0;	/* 'break' */
S_344_0: /* 2 */
S_323_0: /* 2 */
		if (!(((((int)((P0 *)_this)->donor)!=3)&&(((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ])<(2+4)))))
			goto S_344_1;
S_324_0: /* 2 */
		now.decided[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("decided[world:v]", ((int)now.decided[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_325_0: /* 2 */
		now.chosen[ Index(((P0 *)_this)->v, 5) ] = ((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]);
#ifdef VAR_RANGES
		logval("chosen[world:v]", ((int)now.chosen[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_326_0: /* 2 */
		((P0 *)_this)->i = 1;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_333_0: /* 2 */
S_332_0: /* 2 */
S_327_0: /* 2 */
		if (!((((int)((P0 *)_this)->i)>((int)now.top[ Index(((int)((P0 *)_this)->donor), 3) ]))))
			goto S_332_1;
S_328_0: /* 2 */
		goto S_341_0;	/* 'goto' */
S_332_1: /* 3 */
S_329_0: /* 2 */
		/* else */;
S_330_0: /* 2 */
		now.text[ Index(((((P0 *)_this)->v*((2+4)+1))+((P0 *)_this)->i), 35) ] = ((int)now.log[ Index(((((int)((P0 *)_this)->donor)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]);
#ifdef VAR_RANGES
		logval("text[((world:v*((2+4)+1))+world:i)]", ((int)now.text[ Index(((((int)((P0 *)_this)->v)*((2+4)+1))+((int)((P0 *)_this)->i)), 35) ]));
#endif
		;
S_331_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_333_0; /* ';' */
S_332_2: /* 3 */
		Uerror("blocking sel in d_step (nr.31, near line 219)");
S_334_0: /* 2 */
		goto S_341_0;	/* 'break' */
S_341_0: /* 2 */
S_335_0: /* 2 */
		if (!((7&1)))
			goto S_341_1;
S_336_0: /* 2 */
		now.primary[ Index(((P0 *)_this)->v, 5) ] = 0;
#ifdef VAR_RANGES
		logval("primary[world:v]", ((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_337_0: /* 2 */
		now.backup[ Index(((P0 *)_this)->v, 5) ] = ( ((7&2)) ? (1) : (2) );
#ifdef VAR_RANGES
		logval("backup[world:v]", ((int)now.backup[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		goto S_342_0;
S_341_1: /* 3 */
S_338_0: /* 2 */
		/* else */;
S_339_0: /* 2 */
		now.primary[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("primary[world:v]", ((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
S_340_0: /* 2 */
		now.backup[ Index(((P0 *)_this)->v, 5) ] = 2;
#ifdef VAR_RANGES
		logval("backup[world:v]", ((int)now.backup[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		goto S_342_0;
S_341_2: /* 3 */
		Uerror("blocking sel in d_step (nr.32, near line 223)");
S_342_0: /* 2 */
		goto S_345_0;
S_344_1: /* 3 */
S_343_0: /* 2 */
		/* else */;
		goto S_345_0;
S_344_2: /* 3 */
		Uerror("blocking sel in d_step (nr.33, near line 214)");
S_345_0: /* 2 */
S_346_0: /* 2 */
		((P0 *)_this)->f = 0;
#ifdef VAR_RANGES
		logval("world:f", ((int)((P0 *)_this)->f));
#endif
		;
S_347_0: /* 2 */
		((P0 *)_this)->lossy = 0;
#ifdef VAR_RANGES
		logval("world:lossy", ((int)((P0 *)_this)->lossy));
#endif
		;
S_348_0: /* 2 */
		((P0 *)_this)->second = 0;
#ifdef VAR_RANGES
		logval("world:second", ((int)((P0 *)_this)->second));
#endif
		;
S_349_0: /* 2 */
		((P0 *)_this)->donor = 0;
#ifdef VAR_RANGES
		logval("world:donor", ((int)((P0 *)_this)->donor));
#endif
		;
S_350_0: /* 2 */
		((P0 *)_this)->n = 0;
#ifdef VAR_RANGES
		logval("world:n", ((int)((P0 *)_this)->n));
#endif
		;
S_351_0: /* 2 */
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
S_352_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
S_353_0: /* 2 */
		((P0 *)_this)->i = 0;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_358_0; /* ';' */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 46: // STATE 360 - view.pml:373 - [m = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][360] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->m);
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 47: // STATE 361 - view.pml:373 - [v = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][361] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->v);
		((P0 *)_this)->v = 0;
#ifdef VAR_RANGES
		logval("world:v", ((int)((P0 *)_this)->v));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 48: // STATE 363 - view.pml:377 - [m = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][363] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->m);
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 49: // STATE 364 - view.pml:378 - [m = 1] (0:0:1 - 0)
		IfNotBlocked
		reached[0][364] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->m);
		((P0 *)_this)->m = 1;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 50: // STATE 365 - view.pml:379 - [m = 2] (0:0:1 - 0)
		IfNotBlocked
		reached[0][365] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->m);
		((P0 *)_this)->m = 2;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 51: // STATE 368 - view.pml:381 - [v = view[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][368] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->v);
		((P0 *)_this)->v = ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("world:v", ((int)((P0 *)_this)->v));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 52: // STATE 369 - view.pml:385 - [(((((((bound[m]!=0)&&decided[bound[m]])&&((primary[bound[m]]==m)||(backup[bound[m]]==m)))&&(agreed[m]==bound[m]))&&(formed[m]<bound[m]))&&(half[m]==0)))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][369] = 1;
		if (!(((((((((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&((int)now.decided[ Index(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]))&&((((int)now.primary[ Index(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))||(((int)now.backup[ Index(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))))&&(((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ])==((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])<((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ])==0))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 53: // STATE 396 - view.pml:240 - [D_STEP240]
		IfNotBlocked

		reached[0][396] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_369_0: /* 2 */
		((P0 *)_this)->i = 1;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_382_0: /* 2 */
S_381_0: /* 2 */
S_370_0: /* 2 */
		if (!((((int)((P0 *)_this)->i)>(2+4))))
			goto S_381_1;
S_371_0: /* 2 */
		goto S_384_0;	/* 'goto' */
S_381_1: /* 3 */
S_372_0: /* 2 */
		if (!((((int)((P0 *)_this)->i)<=((int)now.chosen[ Index(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]))))
			goto S_381_2;
S_373_0: /* 2 */
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+((P0 *)_this)->i), 21) ] = ((int)now.text[ Index(((((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ])*((2+4)+1))+((int)((P0 *)_this)->i)), 35) ]);
#ifdef VAR_RANGES
		logval("log[((world:m*((2+4)+1))+world:i)]", ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]));
#endif
		;
S_374_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_382_0; /* ';' */
S_381_2: /* 3 */
S_375_0: /* 2 */
		if (!((((int)((P0 *)_this)->i)==(((int)now.chosen[ Index(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])+1))))
			goto S_381_3;
S_376_0: /* 2 */
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+((P0 *)_this)->i), 21) ] = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("log[((world:m*((2+4)+1))+world:i)]", ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]));
#endif
		;
S_377_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_382_0; /* ';' */
S_381_3: /* 3 */
S_378_0: /* 2 */
		if (!(((((int)((P0 *)_this)->i)>(((int)now.chosen[ Index(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])+1))&&(((int)((P0 *)_this)->i)<=(2+4)))))
			goto S_381_4;
S_379_0: /* 2 */
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+((P0 *)_this)->i), 21) ] = 0;
#ifdef VAR_RANGES
		logval("log[((world:m*((2+4)+1))+world:i)]", ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]));
#endif
		;
S_380_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_382_0; /* ';' */
S_381_4: /* 3 */
		Uerror("blocking sel in d_step (nr.34, near line 242)");
S_383_0: /* 2 */
		goto S_384_0;	/* 'break' */
S_384_0: /* 2 */
		((P0 *)_this)->i = 0;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_385_0: /* 2 */
		now.top[ Index(((P0 *)_this)->m, 3) ] = (((int)now.chosen[ Index(((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])+1);
#ifdef VAR_RANGES
		logval("top[world:m]", ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_386_0: /* 2 */
		now.wm[ Index(((P0 *)_this)->m, 3) ] = ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("wm[world:m]", ((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_387_0: /* 2 */
		now.whole[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("whole[world:m]", ((int)now.whole[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_388_0: /* 2 */
		now.half[ Index(((P0 *)_this)->m, 3) ] = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("half[world:m]", ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_393_0: /* 2 */
S_389_0: /* 2 */
		if (!((0==8)))
			goto S_393_1;
S_390_0: /* 2 */
		now.view[ Index(((P0 *)_this)->m, 3) ] = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("view[world:m]", ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		goto S_394_0;
S_393_1: /* 3 */
S_391_0: /* 2 */
		/* else */;
S_392_0: /* 2 */
		now.region[ Index(((P0 *)_this)->m, 3) ] = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("region[world:m]", ((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		goto S_394_0;
S_393_2: /* 3 */
		Uerror("blocking sel in d_step (nr.35, near line 253)");
S_394_0: /* 2 */
		goto S_542_0;
S_542_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 54: // STATE 398 - view.pml:387 - [((half[m]!=0))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][398] = 1;
		if (!((((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ])!=0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 55: // STATE 399 - view.pml:388 - [formed[m] = half[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][399] = 1;
		(trpt+1)->bup.oval = ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.formed[ Index(((P0 *)_this)->m, 3) ] = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("formed[world:m]", ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 56: // STATE 400 - view.pml:389 - [region[m] = half[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][400] = 1;
		(trpt+1)->bup.oval = ((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.region[ Index(((P0 *)_this)->m, 3) ] = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("region[world:m]", ((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 57: // STATE 401 - view.pml:390 - [view[m] = half[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][401] = 1;
		(trpt+1)->bup.oval = ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.view[ Index(((P0 *)_this)->m, 3) ] = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("view[world:m]", ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 58: // STATE 402 - view.pml:391 - [bound[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][402] = 1;
		(trpt+1)->bup.oval = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.bound[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("bound[world:m]", ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 59: // STATE 403 - view.pml:392 - [half[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][403] = 1;
		(trpt+1)->bup.oval = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.half[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("half[world:m]", ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 60: // STATE 404 - view.pml:394 - [((((((view[m]!=0)&&(fence[m]<=view[m]))&&(backup[view[m]]==m))&&(view[primary[v]]==v))&&(top[primary[v]]>top[m])))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][404] = 1;
		if (!((((((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.backup[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m)))&&(((int)now.view[ Index(((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]), 3) ])==((int)((P0 *)_this)->v)))&&(((int)now.top[ Index(((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]), 3) ])>((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 61: // STATE 405 - view.pml:395 - [top[m] = (top[m]+1)] (0:0:1 - 0)
		IfNotBlocked
		reached[0][405] = 1;
		(trpt+1)->bup.oval = ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.top[ Index(((P0 *)_this)->m, 3) ] = (((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])+1);
#ifdef VAR_RANGES
		logval("top[world:m]", ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 62: // STATE 406 - view.pml:396 - [log[((m*((2+4)+1))+top[m])] = log[((primary[v]*((2+4)+1))+top[m])]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][406] = 1;
		(trpt+1)->bup.oval = ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ]);
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+now.top[ Index(((P0 *)_this)->m, 3) ]), 21) ] = ((int)now.log[ Index(((((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ])*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ]);
#ifdef VAR_RANGES
		logval("log[((world:m*((2+4)+1))+top[world:m])]", ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 63: // STATE 407 - view.pml:398 - [((0!=16))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][407] = 1;
		if (!((0!=16)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 64: // STATE 408 - view.pml:398 - [wm[m] = top[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][408] = 1;
		(trpt+1)->bup.oval = ((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.wm[ Index(((P0 *)_this)->m, 3) ] = ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("wm[world:m]", ((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 65: // STATE 412 - view.pml:401 - [(((((view[m]!=0)&&(fence[m]<=view[m]))&&(backup[view[m]]==m))&&(acked[v]<top[m])))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][412] = 1;
		if (!(((((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.backup[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m)))&&(((int)now.acked[ Index(((int)((P0 *)_this)->v), 5) ])<((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 66: // STATE 413 - view.pml:402 - [acked[v] = top[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][413] = 1;
		(trpt+1)->bup.oval = ((int)now.acked[ Index(((int)((P0 *)_this)->v), 5) ]);
		now.acked[ Index(((P0 *)_this)->v, 5) ] = ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("acked[world:v]", ((int)now.acked[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 67: // STATE 414 - view.pml:404 - [((((((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m))&&(acked[v]>chosen[v]))&&(!(started[v])||(committed[acked[v]]==0))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][414] = 1;
		if (!((((((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m)))&&(((int)now.acked[ Index(((int)((P0 *)_this)->v), 5) ])>((int)now.chosen[ Index(((int)((P0 *)_this)->v), 5) ])))&&( !(((int)now.started[ Index(((int)((P0 *)_this)->v), 5) ]))||(((int)now.committed[ Index(((int)now.acked[ Index(((int)((P0 *)_this)->v), 5) ]), 7) ])==0)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 68: // STATE 415 - view.pml:405 - [started[v] = 1] (0:0:1 - 0)
		IfNotBlocked
		reached[0][415] = 1;
		(trpt+1)->bup.oval = ((int)now.started[ Index(((int)((P0 *)_this)->v), 5) ]);
		now.started[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("started[world:v]", ((int)now.started[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 69: // STATE 416 - view.pml:406 - [wm[m] = ( ((wm[m]>acked[v])) -> (wm[m]) : (acked[v]) )] (0:0:1 - 0)
		IfNotBlocked
		reached[0][416] = 1;
		(trpt+1)->bup.oval = ((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.wm[ Index(((P0 *)_this)->m, 3) ] = ( ((((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.acked[ Index(((int)((P0 *)_this)->v), 5) ]))) ? (((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.acked[ Index(((int)((P0 *)_this)->v), 5) ])) );
#ifdef VAR_RANGES
		logval("wm[world:m]", ((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 70: // STATE 428 - view.pml:262 - [D_STEP262]
		IfNotBlocked

		reached[0][428] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_416_0: /* 2 */
		((P0 *)_this)->i = 1;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_424_0: /* 2 */
S_423_0: /* 2 */
S_417_0: /* 2 */
		if (!(((((int)((P0 *)_this)->i)>((int)now.acked[ Index(((int)((P0 *)_this)->v), 5) ]))||(((int)((P0 *)_this)->i)>((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])))))
			goto S_423_1;
S_418_0: /* 2 */
		goto S_425_0;	/* 'goto' */
S_423_1: /* 3 */
S_419_0: /* 2 */
		/* else */;
S_420_0: /* 2 */
		spin_assert(((((int)now.committed[ Index(((int)((P0 *)_this)->i), 7) ])==0)||(((int)now.committed[ Index(((int)((P0 *)_this)->i), 7) ])==((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]))), "((committed[i]==0)||(committed[i]==log[((m*((2+4)+1))+i)]))", II, tt, t);
S_421_0: /* 2 */
		now.committed[ Index(((P0 *)_this)->i, 7) ] = ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]);
#ifdef VAR_RANGES
		logval("committed[world:i]", ((int)now.committed[ Index(((int)((P0 *)_this)->i), 7) ]));
#endif
		;
S_422_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_424_0; /* ';' */
S_423_2: /* 3 */
		Uerror("blocking sel in d_step (nr.36, near line 264)");
S_425_0: /* 2 */
		goto S_426_0;	/* 'break' */
S_426_0: /* 2 */
		((P0 *)_this)->i = 0;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_542_0; /* ';' */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 71: // STATE 430 - view.pml:410 - [(((((((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m))&&!(serving[m]))&&lease[m])&&(started[v]||(0==7))))] (0:0:1 - 0)
		IfNotBlocked
		reached[0][430] = 1;
		if (!(((((((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m)))&& !(((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ])))&&((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]))&&(((int)now.started[ Index(((int)((P0 *)_this)->v), 5) ])||(0==7)))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: v */  (trpt+1)->bup.oval = ((P0 *)_this)->v;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->v = 0;
		_m = 3; goto P999; /* 0 */
	case 72: // STATE 431 - view.pml:411 - [serving[m] = 1] (0:0:1 - 0)
		IfNotBlocked
		reached[0][431] = 1;
		(trpt+1)->bup.oval = ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.serving[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("serving[world:m]", ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 73: // STATE 432 - view.pml:413 - [((((records<2)&&(((((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m))&&serving[m])&&lease[m]))&&(top[m]<(2+4))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][432] = 1;
		if (!((((((int)now.records)<2)&&(((((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m)))&&((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]))&&((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])<(2+4)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 74: // STATE 433 - view.pml:414 - [top[m] = (top[m]+1)] (0:0:1 - 0)
		IfNotBlocked
		reached[0][433] = 1;
		(trpt+1)->bup.oval = ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.top[ Index(((P0 *)_this)->m, 3) ] = (((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])+1);
#ifdef VAR_RANGES
		logval("top[world:m]", ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 75: // STATE 434 - view.pml:415 - [log[((m*((2+4)+1))+top[m])] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][434] = 1;
		(trpt+1)->bup.oval = ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ]);
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+now.top[ Index(((P0 *)_this)->m, 3) ]), 21) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("log[((world:m*((2+4)+1))+top[world:m])]", ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 76: // STATE 435 - view.pml:416 - [records = (records+1)] (0:0:1 - 0)
		IfNotBlocked
		reached[0][435] = 1;
		(trpt+1)->bup.oval = ((int)now.records);
		now.records = (((int)now.records)+1);
#ifdef VAR_RANGES
		logval("records", ((int)now.records));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 77: // STATE 436 - view.pml:418 - [((((((view[m]!=0)&&(fence[m]<=view[m]))&&(backup[view[m]]==m))&&(view[primary[v]]==v))&&((promised[m]!=v)||!(answered[v]))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][436] = 1;
		if (!((((((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.backup[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m)))&&(((int)now.view[ Index(((int)now.primary[ Index(((int)((P0 *)_this)->v), 5) ]), 3) ])==((int)((P0 *)_this)->v)))&&((((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ])!=((int)((P0 *)_this)->v))|| !(((int)now.answered[ Index(((int)((P0 *)_this)->v), 5) ]))))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 78: // STATE 437 - view.pml:419 - [promised[m] = v] (0:0:1 - 0)
		IfNotBlocked
		reached[0][437] = 1;
		(trpt+1)->bup.oval = ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.promised[ Index(((P0 *)_this)->m, 3) ] = ((int)((P0 *)_this)->v);
#ifdef VAR_RANGES
		logval("promised[world:m]", ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 79: // STATE 438 - view.pml:420 - [answered[v] = 1] (0:0:1 - 0)
		IfNotBlocked
		reached[0][438] = 1;
		(trpt+1)->bup.oval = ((int)now.answered[ Index(((int)((P0 *)_this)->v), 5) ]);
		now.answered[ Index(((P0 *)_this)->v, 5) ] = 1;
#ifdef VAR_RANGES
		logval("answered[world:v]", ((int)now.answered[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 80: // STATE 439 - view.pml:422 - [(((((view[m]!=0)&&(fence[m]<=view[m]))&&(primary[view[m]]==m))&&answered[v]))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][439] = 1;
		if (!(((((((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m)))&&((int)now.answered[ Index(((int)((P0 *)_this)->v), 5) ]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 81: // STATE 440 - view.pml:423 - [answered[v] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][440] = 1;
		(trpt+1)->bup.oval = ((int)now.answered[ Index(((int)((P0 *)_this)->v), 5) ]);
		now.answered[ Index(((P0 *)_this)->v, 5) ] = 0;
#ifdef VAR_RANGES
		logval("answered[world:v]", ((int)now.answered[ Index(((int)((P0 *)_this)->v), 5) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 82: // STATE 441 - view.pml:424 - [lease[m] = 1] (0:0:1 - 0)
		IfNotBlocked
		reached[0][441] = 1;
		(trpt+1)->bup.oval = ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.lease[ Index(((P0 *)_this)->m, 3) ] = 1;
#ifdef VAR_RANGES
		logval("lease[world:m]", ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 83: // STATE 442 - view.pml:425 - [(lease[m])] (0:0:0 - 0)
		IfNotBlocked
		reached[0][442] = 1;
		if (!(((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ])))
			continue;
		_m = 3; goto P999; /* 0 */
	case 84: // STATE 443 - view.pml:426 - [lease[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][443] = 1;
		(trpt+1)->bup.oval = ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.lease[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("lease[world:m]", ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 85: // STATE 444 - view.pml:428 - [(((promised[m]!=0)&&((!(lease[primary[promised[m]]])||(view[primary[promised[m]]]!=promised[m]))||(0==13))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][444] = 1;
		if (!(((((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(( !(((int)now.lease[ Index(((int)now.primary[ Index(((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]), 3) ]))||(((int)now.view[ Index(((int)now.primary[ Index(((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]), 3) ])!=((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ])))||(0==13)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 86: // STATE 445 - view.pml:297 - [((0!=12))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][445] = 1;
		if (!((0!=12)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 87: // STATE 446 - view.pml:297 - [answered[promised[m]] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][446] = 1;
		(trpt+1)->bup.oval = ((int)now.answered[ Index(((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]);
		now.answered[ Index(now.promised[ Index(((P0 *)_this)->m, 3) ], 5) ] = 0;
#ifdef VAR_RANGES
		logval("answered[promised[world:m]]", ((int)now.answered[ Index(((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 88: // STATE 451 - view.pml:430 - [promised[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][451] = 1;
		(trpt+1)->bup.oval = ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.promised[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("promised[world:m]", ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 89: // STATE 452 - view.pml:431 - [(((stood[m]!=0)&&((!(lease[primary[stood[m]]])||(view[primary[stood[m]]]!=stood[m]))||(0==13))))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][452] = 1;
		if (!(((((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ])!=0)&&(( !(((int)now.lease[ Index(((int)now.primary[ Index(((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]), 3) ]))||(((int)now.view[ Index(((int)now.primary[ Index(((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]), 3) ])!=((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ])))||(0==13)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 90: // STATE 453 - view.pml:297 - [((0!=12))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][453] = 1;
		if (!((0!=12)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 91: // STATE 454 - view.pml:297 - [answered[stood[m]] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][454] = 1;
		(trpt+1)->bup.oval = ((int)now.answered[ Index(((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]);
		now.answered[ Index(now.stood[ Index(((P0 *)_this)->m, 3) ], 5) ] = 0;
#ifdef VAR_RANGES
		logval("answered[stood[world:m]]", ((int)now.answered[ Index(((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 92: // STATE 459 - view.pml:433 - [stood[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][459] = 1;
		(trpt+1)->bup.oval = ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.stood[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("stood[world:m]", ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 93: // STATE 460 - view.pml:434 - [held[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][460] = 1;
		(trpt+1)->bup.oval = ((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.held[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("held[world:m]", ((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 94: // STATE 461 - view.pml:436 - [((soft<1))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][461] = 1;
		if (!((((int)now.soft)<1)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 95: // STATE 462 - view.pml:437 - [soft = (soft+1)] (0:0:1 - 0)
		IfNotBlocked
		reached[0][462] = 1;
		(trpt+1)->bup.oval = ((int)now.soft);
		now.soft = (((int)now.soft)+1);
#ifdef VAR_RANGES
		logval("soft", ((int)now.soft));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 96: // STATE 463 - view.pml:439 - [((top[m]>wm[m]))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][463] = 1;
		if (!((((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 97: // STATE 464 - view.pml:439 - [log[((m*((2+4)+1))+top[m])] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][464] = 1;
		(trpt+1)->bup.oval = ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ]);
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+now.top[ Index(((P0 *)_this)->m, 3) ]), 21) ] = 0;
#ifdef VAR_RANGES
		logval("log[((world:m*((2+4)+1))+top[world:m])]", ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])), 21) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 98: // STATE 465 - view.pml:439 - [top[m] = (top[m]-1)] (0:0:1 - 0)
		IfNotBlocked
		reached[0][465] = 1;
		(trpt+1)->bup.oval = ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.top[ Index(((P0 *)_this)->m, 3) ] = (((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ])-1);
#ifdef VAR_RANGES
		logval("top[world:m]", ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 99: // STATE 470 - view.pml:144 - [((promised[m]!=0))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][470] = 1;
		if (!((((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ])!=0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 100: // STATE 471 - view.pml:144 - [stood[m] = promised[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][471] = 1;
		(trpt+1)->bup.oval = ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.stood[ Index(((P0 *)_this)->m, 3) ] = ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("stood[world:m]", ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 101: // STATE 475 - view.pml:147 - [promised[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][475] = 1;
		(trpt+1)->bup.oval = ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.promised[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("promised[world:m]", ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 102: // STATE 476 - view.pml:148 - [held[m] = ((0!=2)&&(stood[m]!=0))] (0:0:1 - 0)
		IfNotBlocked
		reached[0][476] = 1;
		(trpt+1)->bup.oval = ((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.held[ Index(((P0 *)_this)->m, 3) ] = ((0!=2)&&(((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ])!=0));
#ifdef VAR_RANGES
		logval("held[world:m]", ((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 103: // STATE 477 - view.pml:150 - [(!(held[m]))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][477] = 1;
		if (!( !(((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 104: // STATE 478 - view.pml:150 - [stood[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][478] = 1;
		(trpt+1)->bup.oval = ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.stood[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("stood[world:m]", ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 105: // STATE 482 - view.pml:153 - [lease[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][482] = 1;
		(trpt+1)->bup.oval = ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.lease[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("lease[world:m]", ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 106: // STATE 483 - view.pml:154 - [serving[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][483] = 1;
		(trpt+1)->bup.oval = ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.serving[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("serving[world:m]", ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 107: // STATE 484 - view.pml:155 - [half[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][484] = 1;
		(trpt+1)->bup.oval = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.half[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("half[world:m]", ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 108: // STATE 485 - view.pml:156 - [bound[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][485] = 1;
		(trpt+1)->bup.oval = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.bound[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("bound[world:m]", ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 109: // STATE 486 - view.pml:157 - [checked[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][486] = 1;
		(trpt+1)->bup.oval = ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.checked[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("checked[world:m]", ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 110: // STATE 487 - view.pml:158 - [formed[m] = ( ((formed[m]>region[m])) -> (formed[m]) : (region[m]) )] (0:0:1 - 0)
		IfNotBlocked
		reached[0][487] = 1;
		(trpt+1)->bup.oval = ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.formed[ Index(((P0 *)_this)->m, 3) ] = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("formed[world:m]", ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 111: // STATE 488 - view.pml:161 - [(((((0==1)&&((primary[formed[m]]==m)||(backup[formed[m]]==m)))&&(formed[m]>0))&&(agreed[m]<=formed[m])))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][488] = 1;
		if (!(((((0==1)&&((((int)now.primary[ Index(((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))||(((int)now.backup[ Index(((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))))&&(((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>0))&&(((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 112: // STATE 489 - view.pml:161 - [view[m] = formed[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][489] = 1;
		(trpt+1)->bup.oval = ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.view[ Index(((P0 *)_this)->m, 3) ] = ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("view[world:m]", ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 113: // STATE 491 - view.pml:162 - [view[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][491] = 1;
		(trpt+1)->bup.oval = ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.view[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("view[world:m]", ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 114: // STATE 492 - view.pml:162 - [fence[m] = agreed[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][492] = 1;
		(trpt+1)->bup.oval = ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.fence[ Index(((P0 *)_this)->m, 3) ] = ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("fence[world:m]", ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 115: // STATE 496 - view.pml:444 - [((hard<1))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][496] = 1;
		if (!((((int)now.hard)<1)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 116: // STATE 497 - view.pml:445 - [hard = (hard+1)] (0:0:1 - 0)
		IfNotBlocked
		reached[0][497] = 1;
		(trpt+1)->bup.oval = ((int)now.hard);
		now.hard = (((int)now.hard)+1);
#ifdef VAR_RANGES
		logval("hard", ((int)now.hard));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 117: // STATE 513 - view.pml:277 - [D_STEP277]
		IfNotBlocked

		reached[0][513] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_497_0: /* 2 */
		((P0 *)_this)->i = 1;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_504_0: /* 2 */
S_503_0: /* 2 */
S_498_0: /* 2 */
		if (!((((int)((P0 *)_this)->i)>(2+4))))
			goto S_503_1;
S_499_0: /* 2 */
		goto S_506_0;	/* 'goto' */
S_503_1: /* 3 */
S_500_0: /* 2 */
		/* else */;
S_501_0: /* 2 */
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+((P0 *)_this)->i), 21) ] = 0;
#ifdef VAR_RANGES
		logval("log[((world:m*((2+4)+1))+world:i)]", ((int)now.log[ Index(((((int)((P0 *)_this)->m)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ]));
#endif
		;
S_502_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_504_0; /* ';' */
S_503_2: /* 3 */
		Uerror("blocking sel in d_step (nr.37, near line 279)");
S_505_0: /* 2 */
		goto S_506_0;	/* 'break' */
S_506_0: /* 2 */
		((P0 *)_this)->i = 0;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_507_0: /* 2 */
		now.formed[ Index(((P0 *)_this)->m, 3) ] = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("formed[world:m]", ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_508_0: /* 2 */
		now.top[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("top[world:m]", ((int)now.top[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_509_0: /* 2 */
		now.wm[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("wm[world:m]", ((int)now.wm[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_510_0: /* 2 */
		now.whole[ Index(((P0 *)_this)->m, 3) ] = (0==14);
#ifdef VAR_RANGES
		logval("whole[world:m]", ((int)now.whole[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
S_511_0: /* 2 */
		now.region[ Index(((P0 *)_this)->m, 3) ] = ( ((0==14)) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (0) );
#ifdef VAR_RANGES
		logval("region[world:m]", ((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		goto S_539_0;
S_539_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 118: // STATE 515 - view.pml:144 - [((promised[m]!=0))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][515] = 1;
		if (!((((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ])!=0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 119: // STATE 516 - view.pml:144 - [stood[m] = promised[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][516] = 1;
		(trpt+1)->bup.oval = ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.stood[ Index(((P0 *)_this)->m, 3) ] = ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("stood[world:m]", ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 120: // STATE 520 - view.pml:147 - [promised[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][520] = 1;
		(trpt+1)->bup.oval = ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.promised[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("promised[world:m]", ((int)now.promised[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 121: // STATE 521 - view.pml:148 - [held[m] = ((0!=2)&&(stood[m]!=0))] (0:0:1 - 0)
		IfNotBlocked
		reached[0][521] = 1;
		(trpt+1)->bup.oval = ((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.held[ Index(((P0 *)_this)->m, 3) ] = ((0!=2)&&(((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ])!=0));
#ifdef VAR_RANGES
		logval("held[world:m]", ((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 122: // STATE 522 - view.pml:150 - [(!(held[m]))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][522] = 1;
		if (!( !(((int)now.held[ Index(((int)((P0 *)_this)->m), 3) ]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 123: // STATE 523 - view.pml:150 - [stood[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][523] = 1;
		(trpt+1)->bup.oval = ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.stood[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("stood[world:m]", ((int)now.stood[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 124: // STATE 527 - view.pml:153 - [lease[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][527] = 1;
		(trpt+1)->bup.oval = ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.lease[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("lease[world:m]", ((int)now.lease[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 125: // STATE 528 - view.pml:154 - [serving[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][528] = 1;
		(trpt+1)->bup.oval = ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.serving[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("serving[world:m]", ((int)now.serving[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 126: // STATE 529 - view.pml:155 - [half[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][529] = 1;
		(trpt+1)->bup.oval = ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.half[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("half[world:m]", ((int)now.half[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 127: // STATE 530 - view.pml:156 - [bound[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][530] = 1;
		(trpt+1)->bup.oval = ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.bound[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("bound[world:m]", ((int)now.bound[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 128: // STATE 531 - view.pml:157 - [checked[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][531] = 1;
		(trpt+1)->bup.oval = ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.checked[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("checked[world:m]", ((int)now.checked[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 129: // STATE 532 - view.pml:158 - [formed[m] = ( ((formed[m]>region[m])) -> (formed[m]) : (region[m]) )] (0:0:1 - 0)
		IfNotBlocked
		reached[0][532] = 1;
		(trpt+1)->bup.oval = ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.formed[ Index(((P0 *)_this)->m, 3) ] = ( ((((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ]))) ? (((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])) : (((int)now.region[ Index(((int)((P0 *)_this)->m), 3) ])) );
#ifdef VAR_RANGES
		logval("formed[world:m]", ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 130: // STATE 533 - view.pml:161 - [(((((0==1)&&((primary[formed[m]]==m)||(backup[formed[m]]==m)))&&(formed[m]>0))&&(agreed[m]<=formed[m])))] (0:0:0 - 0)
		IfNotBlocked
		reached[0][533] = 1;
		if (!(((((0==1)&&((((int)now.primary[ Index(((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))||(((int)now.backup[ Index(((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]), 5) ])==((int)((P0 *)_this)->m))))&&(((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])>0))&&(((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ])<=((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ])))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 131: // STATE 534 - view.pml:161 - [view[m] = formed[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][534] = 1;
		(trpt+1)->bup.oval = ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.view[ Index(((P0 *)_this)->m, 3) ] = ((int)now.formed[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("view[world:m]", ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 132: // STATE 536 - view.pml:162 - [view[m] = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][536] = 1;
		(trpt+1)->bup.oval = ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.view[ Index(((P0 *)_this)->m, 3) ] = 0;
#ifdef VAR_RANGES
		logval("view[world:m]", ((int)now.view[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 133: // STATE 537 - view.pml:162 - [fence[m] = agreed[m]] (0:0:1 - 0)
		IfNotBlocked
		reached[0][537] = 1;
		(trpt+1)->bup.oval = ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]);
		now.fence[ Index(((P0 *)_this)->m, 3) ] = ((int)now.agreed[ Index(((int)((P0 *)_this)->m), 3) ]);
#ifdef VAR_RANGES
		logval("fence[world:m]", ((int)now.fence[ Index(((int)((P0 *)_this)->m), 3) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 134: // STATE 566 - view.pml:118 - [D_STEP118]
		/* default 258 */
		

		reached[0][566] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_543_0: /* 2 */
		spin_assert( !(((((((((int)now.view[0])!=0)&&(((int)now.fence[0])<=((int)now.view[0])))&&(((int)now.primary[ Index(((int)now.view[0]), 5) ])==0))&&((int)now.serving[0]))&&((int)now.lease[0]))&&(((((((int)now.view[1])!=0)&&(((int)now.fence[1])<=((int)now.view[1])))&&(((int)now.primary[ Index(((int)now.view[1]), 5) ])==1))&&((int)now.serving[1]))&&((int)now.lease[1])))), " !(((((((view[0]!=0)&&(fence[0]<=view[0]))&&(primary[view[0]]==0))&&serving[0])&&lease[0])&&(((((view[1]!=0)&&(fence[1]<=view[1]))&&(primary[view[1]]==1))&&serving[1])&&lease[1])))", II, tt, t);
S_544_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
S_561_0: /* 2 */
S_560_0: /* 2 */
S_545_0: /* 2 */
		if (!((((int)((P0 *)_this)->x)>1)))
			goto S_560_1;
S_546_0: /* 2 */
		goto S_563_0;	/* 'goto' */
S_560_1: /* 3 */
S_547_0: /* 2 */
		if (!(((((int)((P0 *)_this)->x)<=1)&&(((((((int)now.view[ Index(((int)((P0 *)_this)->x), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->x), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->x), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->x), 3) ]), 5) ])==((int)((P0 *)_this)->x)))&&((int)now.serving[ Index(((int)((P0 *)_this)->x), 3) ]))&&((int)now.lease[ Index(((int)((P0 *)_this)->x), 3) ])))))
			goto S_560_2;
S_548_0: /* 2 */
		((P0 *)_this)->i = 1;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
S_555_0: /* 2 */
S_554_0: /* 2 */
S_549_0: /* 2 */
		if (!((((int)((P0 *)_this)->i)>(2+4))))
			goto S_554_1;
S_550_0: /* 2 */
		goto S_557_0;	/* 'goto' */
S_554_1: /* 3 */
S_551_0: /* 2 */
		/* else */;
S_552_0: /* 2 */
		spin_assert(((((int)now.committed[ Index(((int)((P0 *)_this)->i), 7) ])==0)||((((int)((P0 *)_this)->i)<=((int)now.top[ Index(((int)((P0 *)_this)->x), 3) ]))&&(((int)now.log[ Index(((((int)((P0 *)_this)->x)*((2+4)+1))+((int)((P0 *)_this)->i)), 21) ])==((int)now.committed[ Index(((int)((P0 *)_this)->i), 7) ])))), "((committed[i]==0)||((i<=top[x])&&(log[((x*((2+4)+1))+i)]==committed[i])))", II, tt, t);
S_553_0: /* 2 */
		((P0 *)_this)->i = (((int)((P0 *)_this)->i)+1);
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_555_0; /* ';' */
S_554_2: /* 3 */
		Uerror("blocking sel in d_step (nr.38, near line 125)");
S_556_0: /* 2 */
		goto S_557_0;	/* 'break' */
S_557_0: /* 2 */
		((P0 *)_this)->x = (((int)((P0 *)_this)->x)+1);
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_561_0; /* ';' */
S_560_2: /* 3 */
S_558_0: /* 2 */
		if (!(((((int)((P0 *)_this)->x)<=1)&& !((((((((int)now.view[ Index(((int)((P0 *)_this)->x), 3) ])!=0)&&(((int)now.fence[ Index(((int)((P0 *)_this)->x), 3) ])<=((int)now.view[ Index(((int)((P0 *)_this)->x), 3) ])))&&(((int)now.primary[ Index(((int)now.view[ Index(((int)((P0 *)_this)->x), 3) ]), 5) ])==((int)((P0 *)_this)->x)))&&((int)now.serving[ Index(((int)((P0 *)_this)->x), 3) ]))&&((int)now.lease[ Index(((int)((P0 *)_this)->x), 3) ]))))))
			goto S_560_3;
S_559_0: /* 2 */
		((P0 *)_this)->x = (((int)((P0 *)_this)->x)+1);
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
		goto S_561_0; /* ';' */
S_560_3: /* 3 */
		Uerror("blocking sel in d_step (nr.39, near line 121)");
S_562_0: /* 2 */
		goto S_563_0;	/* 'break' */
S_563_0: /* 2 */
		((P0 *)_this)->x = 0;
#ifdef VAR_RANGES
		logval("world:x", ((int)((P0 *)_this)->x));
#endif
		;
S_564_0: /* 2 */
		((P0 *)_this)->i = 0;
#ifdef VAR_RANGES
		logval("world:i", ((int)((P0 *)_this)->i));
#endif
		;
		goto S_567_0;
S_567_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 135: // STATE 568 - view.pml:451 - [m = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][568] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->m);
		((P0 *)_this)->m = 0;
#ifdef VAR_RANGES
		logval("world:m", ((int)((P0 *)_this)->m));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 136: // STATE 569 - view.pml:451 - [v = 0] (0:0:1 - 0)
		IfNotBlocked
		reached[0][569] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->v);
		((P0 *)_this)->v = 0;
#ifdef VAR_RANGES
		logval("world:v", ((int)((P0 *)_this)->v));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 137: // STATE 574 - view.pml:454 - [-end-] (0:0:0 - 0)
		IfNotBlocked
		reached[0][574] = 1;
		if (!delproc(1, II)) continue;
		_m = 3; goto P999; /* 0 */
	case  _T5:	/* np_ */
		if (!((!(trpt->o_pm&4) && !(trpt->tau&128))))
			continue;
		/* else fall through */
	case  _T2:	/* true */
		_m = 3; goto P999;
#undef rand
	}

