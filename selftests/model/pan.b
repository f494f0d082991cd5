	switch (t->back) {
	default: Uerror("bad return move");
	case  0: goto R999; /* nothing to undo */

		 /* PROC world */
	case 3: // STATE 25
		sv_restor();
		goto R999;

	case 4: // STATE 26
		;
		((P0 *)_this)->v = trpt->bup.oval;
		;
		goto R999;

	case 5: // STATE 27
		;
		((P0 *)_this)->v = trpt->bup.oval;
		;
		goto R999;

	case 6: // STATE 28
		;
		((P0 *)_this)->v = trpt->bup.oval;
		;
		goto R999;

	case 7: // STATE 31
		;
		((P0 *)_this)->m = trpt->bup.oval;
		;
		goto R999;

	case 8: // STATE 32
		;
		((P0 *)_this)->m = trpt->bup.oval;
		;
		goto R999;

	case 9: // STATE 33
		;
		((P0 *)_this)->m = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 11: // STATE 37
		;
		now.fence[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 12: // STATE 38
		;
		now.lease[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 13: // STATE 39
		;
		now.serving[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 14: // STATE 40
		;
		now.half[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 15: // STATE 41
		;
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 16: // STATE 42
		;
		now.bound[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 17: // STATE 43
		;
		now.checked[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 18: // STATE 45
		;
		now.proposed[ Index(((P0 *)_this)->v, 5) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 20: // STATE 47
		;
		now.fence[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 21: // STATE 48
		;
		now.lease[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 22: // STATE 49
		;
		now.serving[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 23: // STATE 50
		;
		now.half[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 24: // STATE 51
		;
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 25: // STATE 52
		;
		now.bound[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 26: // STATE 53
		;
		now.checked[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 28: // STATE 56
		;
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 29: // STATE 57
		;
		now.bound[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 31: // STATE 59
		;
		now.checked[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 33: // STATE 61
		;
		now.fence[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 34: // STATE 62
		;
		now.lease[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 35: // STATE 63
		;
		now.serving[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 36: // STATE 64
		;
		now.half[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 37: // STATE 65
		;
		now.agreed[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 38: // STATE 66
		;
		now.bound[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 39: // STATE 67
		;
		now.checked[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 40: // STATE 69
		;
	/* 0 */	((P0 *)_this)->m = trpt->bup.oval;
		;
		;
		goto R999;
	case 41: // STATE 163
		sv_restor();
		goto R999;

	case 42: // STATE 165
		;
	/* 0 */	((P0 *)_this)->m = trpt->bup.oval;
		;
		;
		goto R999;
	case 43: // STATE 259
		sv_restor();
		goto R999;

	case 44: // STATE 261
		;
	/* 0 */	((P0 *)_this)->m = trpt->bup.oval;
		;
		;
		goto R999;
	case 45: // STATE 355
		sv_restor();
		goto R999;

	case 46: // STATE 360
		;
		((P0 *)_this)->m = trpt->bup.oval;
		;
		goto R999;

	case 47: // STATE 361
		;
		((P0 *)_this)->v = trpt->bup.oval;
		;
		goto R999;

	case 48: // STATE 363
		;
		((P0 *)_this)->m = trpt->bup.oval;
		;
		goto R999;

	case 49: // STATE 364
		;
		((P0 *)_this)->m = trpt->bup.oval;
		;
		goto R999;

	case 50: // STATE 365
		;
		((P0 *)_this)->m = trpt->bup.oval;
		;
		goto R999;

	case 51: // STATE 368
		;
		((P0 *)_this)->v = trpt->bup.oval;
		;
		goto R999;
;
		;
			case 53: // STATE 396
		sv_restor();
		goto R999;
;
		;
		
	case 55: // STATE 399
		;
		now.formed[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 56: // STATE 400
		;
		now.region[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 57: // STATE 401
		;
		now.view[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 58: // STATE 402
		;
		now.bound[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 59: // STATE 403
		;
		now.half[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 61: // STATE 405
		;
		now.top[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 62: // STATE 406
		;
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+now.top[ Index(((P0 *)_this)->m, 3) ]), 21) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 64: // STATE 408
		;
		now.wm[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 66: // STATE 413
		;
		now.acked[ Index(((P0 *)_this)->v, 5) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 68: // STATE 415
		;
		now.started[ Index(((P0 *)_this)->v, 5) ] = trpt->bup.oval;
		;
		goto R999;

	case 69: // STATE 416
		;
		now.wm[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
	case 70: // STATE 428
		sv_restor();
		goto R999;

	case 71: // STATE 430
		;
	/* 0 */	((P0 *)_this)->v = trpt->bup.oval;
		;
		;
		goto R999;

	case 72: // STATE 431
		;
		now.serving[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 74: // STATE 433
		;
		now.top[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 75: // STATE 434
		;
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+now.top[ Index(((P0 *)_this)->m, 3) ]), 21) ] = trpt->bup.oval;
		;
		goto R999;

	case 76: // STATE 435
		;
		now.records = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 78: // STATE 437
		;
		now.promised[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 79: // STATE 438
		;
		now.answered[ Index(((P0 *)_this)->v, 5) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 81: // STATE 440
		;
		now.answered[ Index(((P0 *)_this)->v, 5) ] = trpt->bup.oval;
		;
		goto R999;

	case 82: // STATE 441
		;
		now.lease[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 84: // STATE 443
		;
		now.lease[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		;
		;
		
	case 87: // STATE 446
		;
		now.answered[ Index(now.promised[ Index(((P0 *)_this)->m, 3) ], 5) ] = trpt->bup.oval;
		;
		goto R999;

	case 88: // STATE 451
		;
		now.promised[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		;
		;
		
	case 91: // STATE 454
		;
		now.answered[ Index(now.stood[ Index(((P0 *)_this)->m, 3) ], 5) ] = trpt->bup.oval;
		;
		goto R999;

	case 92: // STATE 459
		;
		now.stood[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 93: // STATE 460
		;
		now.held[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 95: // STATE 462
		;
		now.soft = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 97: // STATE 464
		;
		now.log[ Index(((((P0 *)_this)->m*((2+4)+1))+now.top[ Index(((P0 *)_this)->m, 3) ]), 21) ] = trpt->bup.oval;
		;
		goto R999;

	case 98: // STATE 465
		;
		now.top[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 100: // STATE 471
		;
		now.stood[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 101: // STATE 475
		;
		now.promised[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 102: // STATE 476
		;
		now.held[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 104: // STATE 478
		;
		now.stood[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 105: // STATE 482
		;
		now.lease[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 106: // STATE 483
		;
		now.serving[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 107: // STATE 484
		;
		now.half[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 108: // STATE 485
		;
		now.bound[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 109: // STATE 486
		;
		now.checked[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 110: // STATE 487
		;
		now.formed[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 112: // STATE 489
		;
		now.view[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 113: // STATE 491
		;
		now.view[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 114: // STATE 492
		;
		now.fence[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 116: // STATE 497
		;
		now.hard = trpt->bup.oval;
		;
		goto R999;
	case 117: // STATE 513
		sv_restor();
		goto R999;
;
		;
		
	case 119: // STATE 516
		;
		now.stood[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 120: // STATE 520
		;
		now.promised[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 121: // STATE 521
		;
		now.held[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 123: // STATE 523
		;
		now.stood[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 124: // STATE 527
		;
		now.lease[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 125: // STATE 528
		;
		now.serving[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 126: // STATE 529
		;
		now.half[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 127: // STATE 530
		;
		now.bound[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 128: // STATE 531
		;
		now.checked[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 129: // STATE 532
		;
		now.formed[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 131: // STATE 534
		;
		now.view[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 132: // STATE 536
		;
		now.view[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;

	case 133: // STATE 537
		;
		now.fence[ Index(((P0 *)_this)->m, 3) ] = trpt->bup.oval;
		;
		goto R999;
	case 134: // STATE 566
		sv_restor();
		goto R999;

	case 135: // STATE 568
		;
		((P0 *)_this)->m = trpt->bup.oval;
		;
		goto R999;

	case 136: // STATE 569
		;
		((P0 *)_this)->v = trpt->bup.oval;
		;
		goto R999;

	case 137: // STATE 574
		;
		p_restor(II);
		;
		;
		goto R999;
	}

